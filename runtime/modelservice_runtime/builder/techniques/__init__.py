"""Ways to make a model faster, a module each, and the plan of what is tried.

Room: one ``TECHNIQUE`` object a module (``base.Technique``), made in a process of its own
(``maker``). Nothing here judges: a technique says what it made, the gates say what it is worth.
Planning is pure; the techniques alone import their frameworks, and only in the maker's process.
"""
