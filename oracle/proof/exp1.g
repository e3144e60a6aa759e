# SPDX-License-Identifier: Apache-2.0
# L20: roundings of the polynomial of tier doubles, |r| <= 0.34658. Names of arrays stand for the
# constants of oracle/simd/constants.h. M...: the same without roundings.
@rnd = float<ieee_64, ne>;
r = rnd(r_);
q8 = rnd(kExp1[9] * r + kExp1[8]);
q7 = rnd(q8 * r + kExp1[7]);
q6 = rnd(q7 * r + kExp1[6]);
q5 = rnd(q6 * r + kExp1[5]);
q4 = rnd(q5 * r + kExp1[4]);
q3 = rnd(q4 * r + kExp1[3]);
q2 = rnd(q3 * r + kExp1[2]);
q1 = rnd(q2 * r + kExp1[1]);
q  = rnd(q1 * r + kExp1[0]);
s  = rnd(r * r);
t  = rnd(s * q + r);
y  = rnd(1 + t);
M8 = kExp1[9] * r + kExp1[8];
M7 = M8 * r + kExp1[7];
M6 = M7 * r + kExp1[6];
M5 = M6 * r + kExp1[5];
M4 = M5 * r + kExp1[4];
M3 = M4 * r + kExp1[3];
M2 = M3 * r + kExp1[2];
M1 = M2 * r + kExp1[1];
M  = M1 * r + kExp1[0];
Mt = r * r * M + r;
My = 1 + Mt;
{ r in [-0.34658, 0.34658] -> (y - My) / My in ? /\ (q - M) / M in ? }
(y - My) / My $ r in 64;
