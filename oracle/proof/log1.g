# SPDX-License-Identifier: Apache-2.0
# L22: roundings of z R(z), z = Z = s^2 but for one rounding; names as in exp1.g.
@rnd = float<ieee_64, ne>;
z = rnd(z_);
r7 = rnd(kLog1[8] * z + kLog1[7]);
r6 = rnd(r7 * z + kLog1[6]);
r5 = rnd(r6 * z + kLog1[5]);
r4 = rnd(r5 * z + kLog1[4]);
r3 = rnd(r4 * z + kLog1[3]);
r2 = rnd(r3 * z + kLog1[2]);
r1 = rnd(r2 * z + kLog1[1]);
r  = rnd(r1 * z + kLog1[0]);
zr = rnd(z * r);
M7 = kLog1[8] * Z + kLog1[7];
M6 = M7 * Z + kLog1[6];
M5 = M6 * Z + kLog1[5];
M4 = M5 * Z + kLog1[4];
M3 = M4 * Z + kLog1[3];
M2 = M3 * Z + kLog1[2];
M1 = M2 * Z + kLog1[1];
M  = M1 * Z + kLog1[0];
MZ = Z * M;
{ Z in [0, 0.0401] /\ |z - Z| <= 0x1p-57 -> |zr - MZ| in ? }
