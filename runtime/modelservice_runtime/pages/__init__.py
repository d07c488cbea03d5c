"""What the reports of a build and of a tuning are drawn with. Standard library only.

Room: values and words in, markup out: HTML, SVG, a style sheet, and where things lie in a picture.
Knows nothing else of the project. Pure: no IO, no clock.
"""
