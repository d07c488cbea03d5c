"""The build Job: a user's model in, a checked ONNX artifact out.

Room: fetch the source, install its requirements, load it in a child process, export, compare,
measure, publish. The only code that imports torch, and only in the child
(``source_worker``): the process that holds the store's credentials runs no user code.
"""
