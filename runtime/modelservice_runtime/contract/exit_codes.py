"""Exit codes of the Jobs. The pod failure policy of the Jobs is built from these numbers.

======  ==================================================  =========================
code    meaning                                             what the operator does
======  ==================================================  =========================
0       done; the result is the termination message         goes on
10      the user's input is at fault (source, code, …)      fails at once, says why
11      the artifact was built and rejected (parity)        fails at once, says why
12      the time limit passed                               fails at once, says why
20      the store or another service is at fault            retries with back-off
137     killed, mostly at its memory limit                  fails at once, says why
other   a crash                                             retries, at most twice
======  ==================================================  =========================
"""

OK = 0
USER_ERROR = 10
REJECTED = 11
DEADLINE = 12
INFRASTRUCTURE = 20
KILLED = 137

#: A retry cannot help: the Job fails at once (``podFailurePolicy: FailJob``).
FINAL = (USER_ERROR, REJECTED, DEADLINE, KILLED)
