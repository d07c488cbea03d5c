"""Statistics of the accuracy gate: does the artifact still do the task, or can nobody tell?

Room: numbers in, verdicts in words out. Pure: no files, no clock, no models; randomness is seeded
by the caller. Every test here is one-sided and asks whether the loss is *provably* below the
margin (non-inferiority), on the same samples for source model and candidate (paired).

No test takes "nothing was lost" for "nothing will be lost": each of them bounds the loss that
was not seen by about 3.7 / n, in units of what one sample can lose.
"""
