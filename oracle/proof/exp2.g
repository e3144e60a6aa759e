# SPDX-License-Identifier: Apache-2.0
# L21: roundings of tier pairs; names as in exp1.g. What FastTwoSum and TwoProduct leave is exact
# (L24), and stands without rnd. First 1/2 + r/6 + ... in pairs, |rh| <= 0.00273, |rl| <= u |rh|.
@rnd = float<ieee_64, ne>;
rh = rnd(rh_); rl = rnd(rl_);
r = rh + rl;
q9 = rnd(kTaylor[7] * rh + kTaylor[6]);
q8 = rnd(q9 * rh + kTaylor[5]);
q7 = rnd(q8 * rh + kTaylor[4]);
q6 = rnd(q7 * rh + kTaylor[3]);
M9 = kTaylor[7] * r + kTaylor[6];
M8 = M9 * r + kTaylor[5];
M7 = M8 * r + kTaylor[4];
M6 = M7 * r + kTaylor[3];
v = rnd(rh * q6);
h5 = rnd(kTaylor[2] + v); e5 = kTaylor[2] + v - h5;
l5 = rnd(e5 + kTaylorLo[2]);
M5 = kTaylor[2] + kTaylorLo[2] + r * M6;
P4 = rnd(rh * h5); b4 = rnd(rh * l5 + (rh * h5 - P4)); p4 = rnd(rl * h5 + b4);
h4 = rnd(kTaylor[1] + P4); e4 = kTaylor[1] + P4 - h4;
w4 = rnd(p4 + kTaylorLo[1]); l4 = rnd(e4 + w4);
M4 = kTaylor[1] + kTaylorLo[1] + r * M5;
P3 = rnd(rh * h4); b3 = rnd(rh * l4 + (rh * h4 - P3)); p3 = rnd(rl * h4 + b3);
h3 = rnd(kTaylor[0] + P3); e3 = kTaylor[0] + P3 - h3;
w3 = rnd(p3 + kTaylorLo[0]); l3 = rnd(e3 + w3);
M3 = kTaylor[0] + kTaylorLo[0] + r * M4;
P2 = rnd(rh * h3); b2 = rnd(rh * l3 + (rh * h3 - P2)); p2 = rnd(rl * h3 + b2);
h2 = rnd(0.5 + P2); e2 = 0.5 + P2 - h2; l2 = rnd(e2 + p2);
M2 = 0.5 + r * M3;

# Then table (1 + t): table = Th + Tl in [1, 2), t = th + tl = e^r - 1.
th = rnd(th_); tl = rnd(tl_); Th = rnd(Th_); Tl = rnd(Tl_);
Q = rnd(Th * th); qb = rnd(Th * tl + (Th * th - Q)); qe = rnd(Tl * th + qb);
H = rnd(Th + Q); L0 = Th + Q - H; w = rnd(qe + Tl); L = rnd(L0 + w);
MT = (Th + Tl) * (1 + (th + tl));

{ rh in [-0.00273, 0.00273] /\ rl in [-0x1.65ep-62, 0x1.65ep-62] /\ Th in [1, 1.9999]
  /\ Tl in [-1b-53, 1b-53]
  /\ th in [-0.002735, 0.002735] /\ |tl| <= 0x1.8p-61 ->
  |(h2 + l2) - M2| in ? /\ |l2| in ? /\ |((H + L) - MT) / MT| in ? }

q9 - M9 -> (q9 - (kTaylor[7] * rh + kTaylor[6])) - kTaylor[7] * rl;
q8 - M8 -> (q8 - (q9 * rh + kTaylor[5])) + (q9 - M9) * r - q9 * rl;
q7 - M7 -> (q7 - (q8 * rh + kTaylor[4])) + (q8 - M8) * r - q8 * rl;
q6 - M6 -> (q6 - (q7 * rh + kTaylor[3])) + (q7 - M7) * r - q7 * rl;
(h5 + l5) - M5 -> (l5 - (e5 + kTaylorLo[2])) + (v - rh * q6) + r * (q6 - M6) - rl * q6;
(h4 + l4) - M4 -> (l4 - (e4 + w4)) + (w4 - (p4 + kTaylorLo[1])) + (p4 - (rl * h5 + b4))
  + (b4 - (rh * l5 + (rh * h5 - P4))) + r * ((h5 + l5) - M5) - rl * l5;
(h3 + l3) - M3 -> (l3 - (e3 + w3)) + (w3 - (p3 + kTaylorLo[0])) + (p3 - (rl * h4 + b3))
  + (b3 - (rh * l4 + (rh * h4 - P3))) + r * ((h4 + l4) - M4) - rl * l4;
(h2 + l2) - M2 -> (l2 - (e2 + p2)) + (p2 - (rl * h3 + b2))
  + (b2 - (rh * l3 + (rh * h3 - P2))) + r * ((h3 + l3) - M3) - rl * l3;
(H + L) - MT -> (L - (L0 + w)) + (w - (qe + Tl)) + (qe - (Tl * th + qb))
  + (qb - (Th * tl + (Th * th - Q))) - Tl * tl;
((H + L) - MT) / MT $ Th in 64;
