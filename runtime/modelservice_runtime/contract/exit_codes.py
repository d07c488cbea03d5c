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

A build of several pods is an Indexed Job, and index 0 is the build. 10, 11 and 12 end the Job
whichever pod exits so; therefore an index above 0 never does: it exits with 0 whatever became of
its candidates, with 20 where the store is gone, or it crashes.
"""

OK = 0
USER_ERROR = 10
REJECTED = 11
DEADLINE = 12
INFRASTRUCTURE = 20
KILLED = 137

#: Set by Kubernetes in the pods of an Indexed Job.
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"

#: A retry cannot help: the Job fails at once (``podFailurePolicy: FailJob``).
FINAL = (USER_ERROR, REJECTED, DEADLINE, KILLED)
