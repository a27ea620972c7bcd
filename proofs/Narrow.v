(** * Narrow: why most chunks need no check

    The encoder's check costs a reconstruction and a comparison per value. It can be left out where it cannot fail.
    Bins are a 2^-9th narrower than twice the bound; that slack pays for every rounding error on the way to the
    integer and back, as long as a value is not too many bins from zero, for these errors grow with the distance.

    Let s be the step, y = x/s, eps = 2^-24, and |y| <= 5120. The quotient in float32 is off by at most
    (2 eps + eps^2) |y|, a bin's centre t is at most 1/2 from it, and t*s is rounded once more. Altogether

        |x - xh|  <=  s (1/2 + 3 * 5120 * eps + tiny)  <  s (1/2 + 1/1070)  <  (1 - 2^-14) bound.

    Main results
    - [near_core]: that inequality, for any multiplier at most 1/2 + 1/1600 from y.
    - [support_near], [paper_near]: a finite x with |x| <= 5120 steps is always coded as an integer, of magnitude at most
      5122. So a chunk whose largest magnitude is at most 5120 steps needs no check, holds no NaN or
      infinity, and its integers fit 16 bits.
    - [dithered_core], [dithered_near]: the same under dither, up to 2^11 steps: two more roundings take the room.
    - [signed_near]: the same under signed, in bins of the value's own side, which may differ.
    - [near_seen], [dithered_seen]: that |x| <= 5120 steps, or 2^11, follows from the integer, so the encoder looks at
      integers alone.
    - [halves_near]: of integers in half steps, both beside the quotient decode within the bound.
    - [magic_nearest]: adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, up to 2^22. *)

From Coq Require Import ZArith Reals Bool Lra Lia.
From Flocq Require Import Core BinarySingleNaN Binary Bits Relative.
From Comet Require Import Bound Binary32 Quantize.
Open Scope R_scope.

(** ** Rounding errors *)

Definition eps := bpow radix2 (-24).
Definition eta := bpow radix2 (-150).

Lemma rnd_error (z : R) : Rabs (rnd z - z) <= eps * Rabs z + eta.
Proof.
  destruct (relative_error_N_FLT'_ex radix2 (-149) 24 eq_refl (fun n => negb (Z.even n)) z)
    as [d [e [small_d [small_e [_ split]]]]].
  unfold rnd, fexp32. rewrite split.
  replace (z * (1 + d) + e - z) with (d * z + e) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult.
  apply Rplus_le_compat.
  - apply Rmult_le_compat_r; [apply Rabs_pos|].
    apply Rle_trans with (1 := small_d). unfold u_ro, eps. simpl. lra.
  - apply Rle_trans with (1 := small_e). unfold eta. simpl. lra.
Qed.

Lemma rnd_relative (z : R) : bpow radix2 (-126) <= Rabs z -> Rabs (rnd z - z) <= eps * Rabs z.
Proof.
  intros normal.
  replace eps with (/ 2 * bpow radix2 (-24 + 1)) by (unfold eps; simpl; lra).
  now apply (relative_error_N_FLT radix2 (-149) 24 eq_refl).
Qed.

(** ** The inequality *)

Section Core.
  Variable b : R.
  Hypothesis small : bpow radix2 (-120) <= b.

  Let s := rnd (b * (511 / 256)).
  Let i := rnd (1 / s).

  Lemma b_pos : 0 < b.
  Proof. apply Rlt_le_trans with (2 := small). apply bpow_gt_0. Qed.

  Lemma step_range : (1 - eps) * (511 / 256) * b <= s <= (1 + eps) * (511 / 256) * b.
  Proof.
    pose proof b_pos.
    assert (normal : bpow radix2 (-126) <= Rabs (b * (511 / 256))).
    { rewrite Rabs_pos_eq by lra. apply Rle_trans with b; [|lra].
      apply Rle_trans with (2 := small). now apply bpow_le. }
    generalize (rnd_relative _ normal). fold s. rewrite (Rabs_pos_eq (b * (511 / 256))) by lra.
    intros close. apply Rabs_le_inv in close. lra.
  Qed.

  Lemma eps_value : eps = / 16777216.
  Proof. unfold eps. simpl. lra. Qed.

  Lemma s_pos : 0 < s.
  Proof. pose proof step_range. pose proof b_pos. rewrite eps_value in *. lra. Qed.

  Lemma eta_small : eta <= / 536870912 * s.
  Proof.
    pose proof step_range. pose proof b_pos. rewrite eps_value in *.
    apply Rle_trans with (/ 536870912 * b); [|lra].
    apply Rle_trans with (/ 536870912 * bpow radix2 (-120)); [|lra].
    replace (/ 536870912) with (bpow radix2 (-29)) by (simpl; lra).
    rewrite <- bpow_plus. now apply bpow_le.
  Qed.

  Hypothesis large : s <= bpow radix2 120.

  Lemma inverse_close : Rabs (i * s - 1) <= eps.
  Proof.
    pose proof s_pos.
    assert (normal : bpow radix2 (-126) <= Rabs (1 / s)).
    { rewrite Rabs_pos_eq by (apply Rlt_le; unfold Rdiv; rewrite Rmult_1_l; now apply Rinv_0_lt_compat).
      unfold Rdiv. rewrite Rmult_1_l. apply Rle_trans with (/ bpow radix2 120).
      - rewrite <- bpow_opp. now apply bpow_le.
      - now apply Rinv_le. }
    generalize (rnd_relative _ normal). fold i. intros close.
    replace (i * s - 1) with ((i - 1 / s) * s) by (field; lra).
    rewrite Rabs_mult, (Rabs_pos_eq s) by lra.
    apply Rle_trans with (eps * Rabs (1 / s) * s); [apply Rmult_le_compat_r; lra|].
    rewrite Rabs_pos_eq by (apply Rlt_le; unfold Rdiv; rewrite Rmult_1_l; now apply Rinv_0_lt_compat).
    right. field. lra.
  Qed.

  (** How near zero x is can be seen from its quotient, so from the integer that it rounds to. *)
  Theorem near_seen (n z : R) : 1 <= n <= 5120 -> Rabs (rnd (z * i)) <= n - / 2 -> Rabs z <= n * s.
  Proof.
    intros range seen. pose proof s_pos. pose proof inverse_close as unit. apply Rabs_le_inv in unit.
    pose proof (rnd_error (z * i)) as last.
    assert (eta <= eps) by (unfold eta, eps; now apply bpow_le).
    assert (back : Rabs (z * i) <= Rabs (rnd (z * i)) + (eps * Rabs (z * i) + eta)).
    { replace (z * i) with (rnd (z * i) - (rnd (z * i) - z * i)) at 1 by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    rewrite Rabs_mult in back.
    assert (product : Rabs z * Rabs i <= n - / 2 + / 1000).
    { rewrite eps_value in *. rewrite Rabs_mult in last.
      assert (0 <= Rabs z * Rabs i) by (apply Rmult_le_pos; apply Rabs_pos). lra. }
    assert (i_low : (1 - eps) <= Rabs i * s).
    { rewrite <- (Rabs_pos_eq s) by lra. rewrite <- Rabs_mult. apply Rle_trans with (2 := Rle_abs _). lra. }
    apply Rmult_le_reg_r with (1 - eps); [rewrite eps_value; lra|].
    apply Rle_trans with (Rabs z * (Rabs i * s)); [apply Rmult_le_compat_l; [apply Rabs_pos | exact i_low]|].
    rewrite <- Rmult_assoc. apply Rle_trans with ((n - / 2 + / 1000) * s).
    - apply Rmult_le_compat_r; [lra | exact product].
    - rewrite (Rmult_comm n s), Rmult_assoc, (Rmult_comm _ s). apply Rmult_le_compat_l; [lra|].
      rewrite eps_value. lra.
  Qed.

  Lemma near_seen_dithered (u z : R) : Rabs u <= / 2 -> Rabs (rnd (rnd (z * i) + u)) <= 2046 + / 2 -> Rabs z <= 2048 * s.
  Proof.
    intros small_u seen. apply near_seen; [lra|]. set (v := rnd (z * i)) in *.
    pose proof (rnd_error (v + u)) as last. assert (eta <= eps) by (unfold eta, eps; now apply bpow_le).
    assert (Rabs (v + u) <= Rabs (rnd (v + u)) + (eps * Rabs (v + u) + eta)).
    { replace (v + u) with (rnd (v + u) - (rnd (v + u) - (v + u))) at 1 by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    replace v with ((v + u) - u) by ring. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp.
    rewrite eps_value in *. lra.
  Qed.

  Variable x : R.
  Hypothesis near : Rabs x <= 5120 * s.
  Let y := x / s.
  Let v := rnd (x * i).

  Lemma y_small : Rabs y <= 5120.
  Proof.
    pose proof s_pos. unfold y, Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq s) by lra.
    apply Rmult_le_reg_r with s; [lra|]. rewrite Rmult_assoc, Rinv_l by lra. lra.
  Qed.

  Lemma quotient_close : Rabs (v - y) <= / 1600.
  Proof.
    pose proof s_pos. pose proof y_small. pose proof inverse_close.
    assert (x * i - y = y * (i * s - 1)) by (unfold y; field; lra).
    assert (first : Rabs (x * i - y) <= eps * 5120).
    { rewrite H2, Rabs_mult, Rmult_comm. apply Rmult_le_compat; auto using Rabs_pos. }
    assert (size : Rabs (x * i) <= 5121).
    { replace (x * i) with ((x * i - y) + y) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite eps_value in *. lra. }
    pose proof (rnd_error (x * i)) as second. fold v in second.
    assert (eps * Rabs (x * i) <= eps * 5121) by (apply Rmult_le_compat_l; [rewrite eps_value; lra | exact size]).
    assert (eta <= eps) by (unfold eta, eps; now apply bpow_le).
    replace (v - y) with ((v - x * i) + (x * i - y)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite eps_value in *. lra.
  Qed.

  Lemma quotient_small : Rabs v <= 5121.
  Proof.
    replace v with ((v - y) + y) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
    pose proof quotient_close. pose proof y_small. lra.
  Qed.

  (** Any multiplier c this near y decodes within the bound. *)
  Theorem near_core (c : R) : Rabs (y - c) <= / 2 + / 1600 -> Rabs (x - rnd (c * s)) <= (1 - / 16384) * b.
  Proof.
    intros cy. pose proof s_pos as pos. pose proof y_small.
    pose proof step_range as range. pose proof eta_small. pose proof b_pos.
    assert (cs : Rabs (c * s) <= 5121 * s).
    { rewrite Rabs_mult, (Rabs_pos_eq s) by lra. apply Rmult_le_compat_r; [lra|].
      replace c with (y - (y - c)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    pose proof (rnd_error (c * s)) as last.
    assert (eps * Rabs (c * s) <= eps * (5121 * s)) by (apply Rmult_le_compat_l; [rewrite eps_value; lra | exact cs]).
    assert (first : Rabs (x - c * s) <= (/ 2 + / 1600) * s).
    { replace (x - c * s) with ((y - c) * s) by (unfold y; field; lra).
      rewrite Rabs_mult, (Rabs_pos_eq s) by lra. apply Rmult_le_compat_r; lra. }
    replace (x - rnd (c * s)) with ((x - c * s) - (rnd (c * s) - c * s)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp.
    rewrite eps_value in *. lra.
  Qed.

  Lemma near_strict (c : R) : Rabs (y - c) <= / 2 + / 1600 -> Rabs (rnd (x - rnd (c * s))) < b.
  Proof.
    intros centre. pose proof (near_core c centre) as close. pose proof (rnd_error (x - rnd (c * s))) as last.
    pose proof b_pos. pose proof eta_small. pose proof step_range.
    set (d := x - rnd (c * s)) in *.
    replace (rnd d) with ((rnd d - d) + d) by ring. apply Rle_lt_trans with (1 := Rabs_triang _ _).
    rewrite eps_value in *. lra.
  Qed.

  (** Without dither: a centre at most half a step from the quotient. *)
  Lemma plain_core (t : R) : Rabs (v - t) <= / 2 -> Rabs (y - t) <= / 2 + / 1600.
  Proof.
    intros centre. pose proof quotient_close.
    replace (y - t) with ((v - t) - (v - y)) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra.
  Qed.

  (** In half steps, dense mode's prediction may choose either integer beside the quotient. *)
  Theorem halves_near (q : Z) : let w := rnd (x * (2 * i)) in
    (Zfloor w <= q <= Zfloor w + 1)%Z -> Rabs (x - rnd (IZR q * (s / 2))) <= (1 - / 16384) * b.
  Proof.
    intros w [low high]. pose proof s_pos. pose proof y_small. pose proof inverse_close.
    assert (eta <= eps) by (unfold eta, eps; now apply bpow_le).
    assert (first : Rabs (x * (2 * i) - 2 * y) <= eps * 10240).
    { replace (x * (2 * i) - 2 * y) with (2 * y * (i * s - 1)) by (unfold y; field; lra).
      rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat; auto using Rabs_pos.
      rewrite Rabs_mult, (Rabs_pos_eq 2) by lra. lra. }
    assert (size : Rabs (x * (2 * i)) <= 10241).
    { replace (x * (2 * i)) with ((x * (2 * i) - 2 * y) + 2 * y) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      rewrite (Rabs_mult 2), (Rabs_pos_eq 2) by lra. rewrite eps_value in *. lra. }
    pose proof (rnd_error (x * (2 * i))) as second. fold w in second.
    assert (eps * Rabs (x * (2 * i)) <= eps * 10241) by (apply Rmult_le_compat_l; [rewrite eps_value; lra | exact size]).
    assert (beside : Rabs (w - IZR q) <= 1).
    { apply IZR_le in low. apply IZR_le in high. rewrite plus_IZR in high.
      pose proof (Zfloor_lb w). pose proof (Zfloor_ub w). apply Rabs_le. lra. }
    replace (IZR q * (s / 2)) with (IZR q / 2 * s) by field.
    apply near_core. apply Rabs_le_inv in first, second, beside. apply Rabs_le. rewrite eps_value in *. lra.
  Qed.

  (** With dither u: two more roundings, of v + u and of r - u, and half the room. *)
  Theorem dithered_core (u r : R) : Rabs x <= 2048 * s -> Rabs u <= / 2 -> Rabs (rnd (v + u) - r) <= / 2 ->
    Rabs (rnd (v + u)) <= 2050 /\ Rabs (y - rnd (r - u)) <= / 2 + / 1600.
  Proof.
    intros nearer small_u half_step. pose proof s_pos. pose proof inverse_close.
    assert (y2 : Rabs y <= 2048).
    { unfold y, Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq s) by lra.
      apply Rmult_le_reg_r with s; [lra|]. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    assert (e_pos : 0 <= eps) by (rewrite eps_value; lra).
    assert (tiny : eta <= / 1000000000000) by (apply Rle_trans with (bpow radix2 (-40)); [now apply bpow_le | simpl; lra]).
    assert (first : Rabs (x * i - y) <= eps * 2048).
    { replace (x * i - y) with (y * (i * s - 1)) by (unfold y; field; lra).
      rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat; auto using Rabs_pos. }
    assert (size : Rabs (x * i) <= 2049).
    { replace (x * i) with ((x * i - y) + y) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite eps_value in *. lra. }
    pose proof (rnd_error (x * i)) as second. fold v in second.
    assert (eps * Rabs (x * i) <= eps * 2049) by now apply Rmult_le_compat_l.
    assert (vy : Rabs (v - y) <= / 4000).
    { replace (v - y) with ((v - x * i) + (x * i - y)) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite eps_value in *. lra. }
    assert (sum : Rabs (v + u) <= 2049).
    { replace (v + u) with ((v - y) + y + u) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      apply Rle_trans with (Rabs (v - y) + Rabs y + Rabs u); [apply Rplus_le_compat_r, Rabs_triang | lra]. }
    pose proof (rnd_error (v + u)) as third.
    assert (eps * Rabs (v + u) <= eps * 2049) by now apply Rmult_le_compat_l.
    set (t := rnd (v + u)) in *.
    assert (t_size : Rabs t <= 2049 + / 2).
    { replace t with ((t - (v + u)) + (v + u)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      rewrite eps_value in *. lra. }
    split; [lra|].
    assert (ru : Rabs (r - u) <= 2051).
    { replace (r - u) with (t - (t - r) - u) by ring. unfold Rminus at 1.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp.
      apply Rle_trans with (Rabs t + Rabs (t - r) + Rabs u); [|lra].
      apply Rplus_le_compat_r. unfold Rminus at 1. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    pose proof (rnd_error (r - u)) as fourth.
    assert (eps * Rabs (r - u) <= eps * 2051) by now apply Rmult_le_compat_l.
    replace (y - rnd (r - u)) with (- (v - y) - (t - (v + u)) + (t - r) - (rnd (r - u) - (r - u))) by ring.
    apply Rabs_le_inv in vy, third, half_step, fourth.
    apply Rabs_le. rewrite eps_value in *. lra.
  Qed.
End Core.

(** ** The same on bit patterns

    models assembly/codec/quantize.ts:quantizeNear assembly/codec/quantize.ts:nearSupport assembly/codec/quantize.ts:nearPaper
    assembly/codec/quantize.ts:nearDithered assembly/codec/quantize.ts:nearSigned src/codec/stages/quantize.ts:floorOf *)

Section Near.
  Variable b : f32.
  Hypothesis Fb : finite b = true.
  Hypothesis small : bpow radix2 (-120) <= toR b.
  Hypothesis large : toR b <= bpow radix2 100.

  Let B := binOf b.

  Lemma bound_pos : 0 < toR b.
  Proof. exact (b_pos _ small). Qed.

  Lemma toR_511 : toR (float 511 (-8)) = 511 / 256.
  Proof.
    unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 (float 511 (-8))) with (F754_finite false 16744448 (-23)).
    cbn; unfold F2R; cbn. lra.
  Qed.

  Lemma step_real : finite (step B) = true /\ toR (step B) = rnd (toR b * (511 / 256)).
  Proof.
    rewrite <- toR_511. apply mul_small; [exact Fb | reflexivity |]. rewrite toR_511.
    pose proof (step_range _ small). pose proof bound_pos. rewrite eps_value in *.
    rewrite Rabs_pos_eq by lra. apply Rle_lt_trans with (2 * bpow radix2 100); [lra|].
    change 2 with (bpow radix2 1). rewrite <- bpow_plus. now apply bpow_lt.
  Qed.

  Lemma step_upper : toR (step B) <= bpow radix2 101.
  Proof.
    destruct step_real as [_ ->]. pose proof (step_range _ small). pose proof bound_pos. rewrite eps_value in *.
    replace (bpow radix2 101) with (2 * bpow radix2 100) by (change 2 with (bpow radix2 1); now rewrite <- bpow_plus).
    lra.
  Qed.

  Lemma step_large : toR (step B) <= bpow radix2 120.
  Proof. apply Rle_trans with (1 := step_upper). now apply bpow_le. Qed.

  Lemma toR_one : toR one = 1.
  Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 one) with (F754_finite false 8388608 (-23)). cbn; unfold F2R; cbn. lra. Qed.

  Lemma inverse_real : finite (inverse B) = true /\ toR (inverse B) = rnd (1 / toR (step B)).
  Proof.
    assert (pos : 0 < toR (step B)) by (destruct step_real as [_ ->]; exact (s_pos _ small)).
    rewrite <- toR_one. apply div_small; [reflexivity | lra |]. rewrite toR_one.
    pose proof step_large as top. destruct step_real as [_ S]. rewrite S in *.
    pose proof (inverse_close _ small top) as close.
    set (s := rnd (toR b * (511 / 256))) in *. set (i := rnd (1 / s)) in *.
    apply Rle_lt_trans with (2 * bpow radix2 122).
    - apply Rmult_le_reg_r with s; [exact pos|].
      rewrite <- (Rabs_pos_eq s) at 1 by lra. rewrite <- Rabs_mult.
      apply Rle_trans with 2.
      + replace (i * s) with ((i * s - 1) + 1) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
        rewrite (Rabs_pos_eq 1) by lra. rewrite eps_value in close. lra.
      + rewrite Rmult_assoc. apply Rle_trans with (2 * 1); [lra|]. apply Rmult_le_compat_l; [lra|].
        pose proof (step_range _ small) as range. fold s in range. rewrite eps_value in range.
        apply Rle_trans with (bpow radix2 122 * bpow radix2 (-120)).
        * rewrite <- bpow_plus. change 1 with (bpow radix2 0). now apply bpow_le.
        * apply Rmult_le_compat_l; [apply bpow_ge_0|]. pose proof bound_pos. lra.
    - change 2 with (bpow radix2 1). rewrite <- bpow_plus. now apply bpow_lt.
  Qed.

  Lemma inverse_pos : 0 < toR (inverse B).
  Proof.
    destruct inverse_real as [_ ->]. pose proof step_large as top. destruct step_real as [_ S]. rewrite S in *.
    pose proof (inverse_close _ small top) as close. apply Rabs_le_inv in close. rewrite eps_value in close.
    pose proof (s_pos _ small) as pos. set (s := rnd (toR b * (511 / 256))) in *.
    apply Rmult_lt_reg_r with s; [exact pos|]. lra.
  Qed.

  (** [B] is the bin of y's side; under signed, the other side's may be any. *)
  Theorem dithered_seen (d : quantization) (u y : f32) (q : Z) :
    kind d = Dithered \/ kind d = Signed -> side d (lt y zero) = B -> Rabs (toR u) <= / 2 ->
    integerOf d u y = Some q -> (Z.abs q <= 2046)%Z -> finite y = true /\ Rabs (toR y) <= 2048 * toR (step B).
  Proof.
    intros K own small_u some few. pose proof some as whole. unfold integerOf in some. rewrite own in some.
    destruct (isZero y) eqn:null.
    { split; [destruct (isZero_shape y null) as [sign ->]; reflexivity|]. rewrite (isZero_toR y null), Rabs_R0.
      apply Rmult_le_pos; [lra|]. destruct step_real as [_ ->]. apply Rlt_le, (s_pos _ small). }
    assert (nonzero : finite y = true -> toR y <> 0) by (intros Fy R0; destruct (zero_toR y Fy R0) as [sign ->]; discriminate).
    assert (lt (abs (add (mul y (inverse B)) u)) limit = true) as fits
      by (destruct (lt (abs (add _ u)) limit); [reflexivity | destruct K as [K | K]; rewrite K in some; discriminate]).
    rewrite fits in some. destruct (sum_real y (inverse B) u fits) as [Fy T]. specialize (nonzero Fy). split; [exact Fy|].
    rewrite !integer_nearest in some. set (r := ZnearestE (toR (add (mul y (inverse B)) u))) in *.
    assert (Z.abs r <= 2046)%Z.
    { destruct K as [K | K]; rewrite K in some; injection some as some.
      - destruct (Z.ltb_spec r 0); lia.
      - assert (inv : 0 <= toR (inverse (side d (lt y zero)))) by (rewrite own; apply Rlt_le, inverse_pos).
        destruct (signed_integer d u y q K Fy inv small_u whole) as [_ [up [down _]]].
        destruct (lt y zero) eqn:below.
        + apply lt_zero in below; [|exact Fy]. specialize (down below). lia.
        + assert (0 <= toR y) by (now apply lt_false in below). specialize (up ltac:(lra)). lia. }
    assert (half_step : Rabs (toR (add (mul y (inverse B)) u) - IZR r) <= / 2) by apply Znearest_half.
    assert (Rabs (IZR r) <= 2046) by (rewrite <- abs_IZR; now apply IZR_le).
    assert (seen : Rabs (rnd (rnd (toR y * toR (inverse B)) + toR u)) <= 2046 + / 2).
    { rewrite <- T. replace (toR (add _ u)) with (toR (add (mul y (inverse B)) u) - IZR r + IZR r) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). lra. }
    pose proof step_large as top. destruct inverse_real as [_ I]. rewrite I in seen.
    destruct step_real as [_ S]. rewrite S in *. exact (near_seen_dithered _ small top _ _ small_u seen).
  Qed.

  Variable x : f32.
  Hypothesis Fx : finite x = true.
  Hypothesis near : Rabs (toR x) <= 5120 * toR (step B).

  Let s := toR (step B).
  Let v := rnd (toR x * rnd (1 / s)).

  Lemma v_small : Rabs v <= 5121.
  Proof.
    pose proof step_large as top. unfold v, s. destruct step_real as [_ S]. rewrite S in *.
    exact (quotient_small _ small top _ near).
  Qed.

  Lemma centred (t : R) : Rabs (v - t) <= / 2 -> Rabs (toR x / s - t) <= / 2 + / 1600.
  Proof.
    pose proof step_large as top. unfold v, s. destruct step_real as [_ S]. rewrite S in *.
    exact (plain_core _ small top _ near t).
  Qed.

  Lemma coded (c : R) : Rabs (toR x / s - c) <= / 2 + / 1600 -> Rabs (rnd (toR x - rnd (c * s))) < toR b.
  Proof.
    pose proof step_large as top. unfold s. destruct step_real as [_ S]. rewrite S in *.
    exact (near_strict _ small _ near c).
  Qed.

  Lemma y_bound : Rabs (toR x / s) <= 5120.
  Proof.
    unfold s. destruct step_real as [_ S]. rewrite S in *. pose proof step_large as top. rewrite S in top.
    exact (y_small _ small _ near).
  Qed.

  Lemma back_small (c : R) : Rabs (toR x / s - c) <= / 2 + / 1600 -> Rabs (rnd (c * s)) < bpow radix2 128.
  Proof.
    intros centre. pose proof y_bound. pose proof step_upper as top. fold s in top.
    assert (spos : 0 < s) by (unfold s; destruct step_real as [_ ->]; exact (s_pos _ small)).
    assert (far : Rabs c <= 8192).
    { replace c with (toR x / s - (toR x / s - c)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    apply Rle_lt_trans with (bpow radix2 114); [|now apply bpow_lt].
    apply abs_round_le_generic; try typeclasses eauto.
    - apply generic_format_bpow'; [typeclasses eauto | now compute].
    - replace (bpow radix2 114) with (8192 * bpow radix2 101)
        by (change 8192 with (bpow radix2 13); now rewrite <- bpow_plus).
      rewrite Rabs_mult, (Rabs_pos_eq s) by lra. apply Rmult_le_compat; auto using Rabs_pos. lra.
  Qed.

  (** The quotient as computed. *)
  Lemma quotient_real : finite (mul x (inverse B)) = true /\ toR (mul x (inverse B)) = v.
  Proof.
    destruct inverse_real as [Fi I]. unfold v, s. rewrite <- I. apply mul_small; auto.
    rewrite I. fold s v. apply Rle_lt_trans with (1 := v_small).
    apply Rlt_trans with (bpow radix2 13); [simpl; lra | now apply bpow_lt].
  Qed.

  (** A float that near x/s, times the step, passes the check. *)
  Lemma passes (t : f32) : finite t = true -> Rabs (toR x / s - toR t) <= / 2 + / 1600 -> within b x (mul t (step B)) = true.
  Proof.
    intros Ft centre. destruct step_real as [Fs _].
    destruct (mul_small t (step B) Ft Fs (back_small _ centre)) as [Fy Y].
    apply within_exact; auto. rewrite Y. now apply coded.
  Qed.

  Lemma below_limit (y : f32) : finite y = true -> Rabs (toR y) <= 5121 -> lt (abs y) limit = true.
  Proof.
    intros Fy few. apply lt_complete; [now rewrite abs_finite | reflexivity |].
    rewrite abs_correct, toR_limit. apply Rle_lt_trans with (1 := few). lra.
  Qed.

  Lemma small_integer (n : Z) : (Z.abs n <= 6000)%Z -> finite (ofI32 n) = true /\ toR (ofI32 n) = IZR n.
  Proof.
    intros few. destruct (ofI32_correct n ltac:(lia)) as [F ->]. split; [exact F|].
    apply round_generic; [typeclasses eauto | apply F32_small_integer; lia].
  Qed.

  Let c k := Quantization k B B.

  Lemma few_of_real (n : Z) : Rabs (IZR n) <= 5122 -> (Z.abs n <= 5122)%Z.
  Proof. rewrite <- abs_IZR. apply le_IZR. Qed.

  Theorem paper_near (u : f32) : exists q, encode (c Paper) u x = Integer q /\ (Z.abs q <= 5122)%Z.
  Proof.
    destruct quotient_real as [Fq Q].
    set (n := ZnearestE v).
    assert (I : integer (nearest (mul x (inverse B))) = n) by (now rewrite integer_nearest, Q).
    assert (half_step : Rabs (v - IZR n) <= / 2) by apply Znearest_half.
    assert (few : (Z.abs n <= 5122)%Z).
    { apply few_of_real. replace (IZR n) with (v - (v - IZR n)) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. pose proof v_small. lra. }
    exists n. split; [|exact few].
    unfold encode, integerOf, side, c. cbn [kind positive].
    rewrite below_limit by (rewrite ?Q; auto using v_small). rewrite I.
    destruct (small_integer n ltac:(lia)) as [Fn N].
    unfold valueOf, side. cbn [kind positive].
    rewrite passes; [reflexivity | exact Fn | rewrite N; now apply centred].
  Qed.

  (** The centre of a bin is exact: (2 |q| - 1) / 2 is a float. *)
  Lemma F32_halves (n : Z) : (Z.abs n <= 2 ^ 23)%Z -> F32 (IZR n / 2).
  Proof.
    intros few. apply generic_format_FLT. exists (Float radix2 n (-1)).
    - unfold F2R; simpl. lra.
    - simpl. lia.
    - simpl. lia.
  Qed.

  Lemma centre_exact (q : Z) : (Z.abs q <= 6000)%Z -> q <> 0%Z ->
    finite (sub (ofI32 q) (half q)) = true /\
    toR (sub (ofI32 q) (half q)) = IZR q - (if (q <? 0)%Z then - / 2 else / 2).
  Proof.
    intros few nz. destruct (small_integer q few) as [Fq Q].
    assert (H : finite (half q) = true /\ toR (half q) = if (q <? 0)%Z then - / 2 else / 2).
    { unfold half. destruct (Z.ltb_spec q 0); [split; [reflexivity | apply toR_float_minus_half]|].
      destruct (Z.ltb_spec 0 q); [|lia]. split; [reflexivity | apply toR_float_half]. }
    destruct H as [Fh H].
    assert (exact : rnd (IZR q - (if (q <? 0)%Z then - / 2 else / 2)) = IZR q - (if (q <? 0)%Z then - / 2 else / 2)).
    { apply round_generic; [typeclasses eauto|].
      replace (IZR q - (if (q <? 0)%Z then - / 2 else / 2))
        with (IZR (2 * q + (if (q <? 0)%Z then 1 else -1)) / 2)
        by (rewrite plus_IZR, mult_IZR; destruct (q <? 0)%Z; lra).
      apply F32_halves. destruct (q <? 0)%Z; lia. }
    assert (fin : finite (sub (ofI32 q) (half q)) = true).
    { apply sub_small; auto. rewrite Q, H, exact.
      apply Rlt_trans with (bpow radix2 14); [|now apply bpow_lt].
      replace (bpow radix2 14) with 16384 by (simpl; lra).
      apply Rle_lt_trans with (Rabs (IZR q) + 1).
      - apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp.
        apply Rplus_le_compat_l. destruct (q <? 0)%Z; [rewrite Rabs_left | rewrite Rabs_pos_eq]; lra.
      - rewrite <- abs_IZR. assert (IZR (Z.abs q) <= 6000) by (apply IZR_le; lia). lra. }
    split; [exact fin|]. now rewrite sub_correct, Q, H, exact.
  Qed.

  Theorem support_near (u : f32) : exists q, encode (c Support) u x = Integer q /\ (Z.abs q <= 5122)%Z.
  Proof.
    destruct step_real as [Fs S]. destruct inverse_real as [Fi I].
    destruct (isZero x) eqn:null.
    { destruct (isZero_shape x null) as [sign ->].
      exists 0%Z. split; [|lia]. apply support_zero; [reflexivity|].
      split; [split; [exact Fb | exact bound_pos]|].
      split; [split; [exact Fs | change (0 < toR (step B)); rewrite S; exact (s_pos _ small)]|]. exact Fi. }
    destruct quotient_real as [Fq Q].
    (* the quotient of |x| is |v| *)
    assert (M : finite (mul (abs x) (inverse B)) = true /\ toR (mul (abs x) (inverse B)) = Rabs v).
    { assert (R : rnd (Rabs (toR x) * toR (inverse B)) = Rabs v).
      { rewrite <- Q, (mul_correct _ _ Fq).
        unfold rnd. rewrite <- round_NE_abs by typeclasses eauto. f_equal.
        rewrite Rabs_mult, (Rabs_pos_eq (toR (inverse B))); [reflexivity|].
        apply Rlt_le, inverse_pos. }
      rewrite <- R, <- abs_correct. apply mul_small; [now rewrite abs_finite | exact Fi |].
      rewrite abs_correct, R, Rabs_Rabsolu.
      apply Rle_lt_trans with (1 := v_small). apply Rlt_trans with (bpow radix2 13); [simpl; lra | now apply bpow_lt]. }
    destruct M as [Fm M].
    set (f := Zfloor (Rabs v)).
    assert (trunc : integer (mul (abs x) (inverse B)) = f).
    { unfold integer. apply eq_IZR. rewrite Btrunc_correct by reflexivity. fold (toR (mul (abs x) (inverse B))).
      rewrite M, round_FIX_IZR. unfold f. now rewrite Ztrunc_floor by apply Rabs_pos. }
    assert (low : (0 <= f)%Z) by (apply Zfloor_lub; apply Rabs_pos).
    assert (floor_le : IZR f <= Rabs v) by apply Zfloor_lb.
    assert (floor_gt : Rabs v < IZR f + 1) by apply Zfloor_ub.
    assert (few : (f <= 5121)%Z) by (apply le_IZR; pose proof v_small; lra).
    assert (some : integerOf (c Support) u x = Some (if lt x zero then - (f + 1) else f + 1)%Z).
    { unfold integerOf, side, c. cbn [kind positive negative].
      replace (if lt x zero then B else B) with B by (now destruct (lt x zero)).
      replace (mul (abs x) (inverse B)) with (mul (abs x) (inverse B)) by reflexivity.
      assert (lt (mul (abs x) (inverse B)) limit = true) as ->.
      { apply lt_complete; [exact Fm | reflexivity |]. rewrite M, toR_limit. pose proof v_small. lra. }
      now rewrite null, trunc. }
    set (q := (if lt x zero then - (f + 1) else f + 1)%Z) in *.
    assert (size : (Z.abs q <= 5122)%Z) by (unfold q; destruct (lt x zero); lia).
    assert (nz : q <> 0%Z) by (unfold q; destruct (lt x zero); lia).
    exists q. split; [|exact size].
    unfold encode. rewrite some. unfold valueOf, side, c. cbn [kind positive negative].
    replace (if lt x zero then B else B) with B by (now destruct (lt x zero)).
    replace (if (q <? 0)%Z then B else B) with B by (now destruct (q <? 0)%Z).
    destruct (centre_exact q ltac:(lia) nz) as [Fc C].
    rewrite passes; [reflexivity | exact Fc |]. rewrite C. apply centred.
    (* the sign of v is that of x *)
    unfold q. destruct (lt x zero) eqn:below.
    - apply lt_zero in below; [|exact Fx].
      assert (v <= 0).
      { rewrite <- Q, (mul_correct _ _ Fq). apply round_le_generic; try typeclasses eauto; [apply generic_format_0|].
        pose proof inverse_pos. nra. }
      destruct (Z.ltb_spec (- (f + 1)) 0); [|lia].
      rewrite Rabs_left1 in floor_le, floor_gt by assumption.
      rewrite opp_IZR, plus_IZR. apply Rabs_le. lra.
    - assert (0 <= toR x) by (now apply lt_false in below).
      assert (0 <= v).
      { rewrite <- Q, (mul_correct _ _ Fq). apply round_ge_generic; try typeclasses eauto; [apply generic_format_0|].
        pose proof inverse_pos. nra. }
      destruct (Z.ltb_spec (f + 1) 0); [lia|].
      rewrite Rabs_pos_eq in floor_le, floor_gt by assumption.
      rewrite plus_IZR. apply Rabs_le. lra.
  Qed.

  (** The dither of a float's size; file Dither.v shows that ours is below 1/2. *)
  Variable u : f32.
  Hypothesis Fu : finite u = true.
  Hypothesis small_u : Rabs (toR u) <= / 2.
  Hypothesis nearer : Rabs (toR x) <= 2048 * toR (step B).

  Lemma bin_positive : positiveBin B.
  Proof.
    destruct step_real as [Fs S]. destruct inverse_real as [Fi _].
    split; [split; [exact Fb | exact bound_pos]|].
    split; [split; [exact Fs | rewrite S; exact (s_pos _ small)]|]. exact Fi.
  Qed.

  Lemma dithered_passes : let t := add (mul x (inverse B)) u in let r := integer (nearest t) in
    lt (abs t) limit = true /\ (Z.abs r <= 2051)%Z /\ within b x (mul (sub (ofI32 r) u) (step B)) = true.
  Proof.
    destruct step_real as [_ S]. destruct quotient_real as [Fq Q].
    assert (core : forall r, Rabs (rnd (v + toR u) - r) <= / 2 ->
      Rabs (rnd (v + toR u)) <= 2050 /\ Rabs (toR x / s - rnd (r - toR u)) <= / 2 + / 1600).
    { intros r. unfold v, s in *. pose proof step_large as top. rewrite S in *.
      intros h. eapply dithered_core; eassumption. }
    set (t := rnd (v + toR u)) in *. set (r := ZnearestE t).
    assert (half_step : Rabs (t - IZR r) <= / 2) by apply Znearest_half.
    destruct (core (IZR r) half_step) as [t_size close].
    assert (A : finite (add (mul x (inverse B)) u) = true /\ toR (add (mul x (inverse B)) u) = t).
    { unfold t. rewrite <- Q. apply add_small; auto. rewrite Q. fold t.
      apply Rle_lt_trans with (1 := t_size). apply Rlt_trans with (bpow radix2 13); [simpl; lra | now apply bpow_lt]. }
    destruct A as [Ft T]. intros. subst t0 r0. rewrite integer_nearest, T. fold r.
    assert (few : (Z.abs r <= 2051)%Z).
    { apply le_IZR. rewrite abs_IZR. replace (IZR r) with (t - (t - IZR r)) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. lra. }
    destruct (small_integer r ltac:(lia)) as [Fr R].
    assert (fin : finite (sub (ofI32 r) u) = true).
    { apply sub_small; auto. rewrite R.
      replace (rnd (IZR r - toR u)) with (toR x / s - (toR x / s - rnd (IZR r - toR u))) by ring.
      apply Rle_lt_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. pose proof y_bound.
      apply Rle_lt_trans with 6000; [lra|]. apply Rlt_trans with (bpow radix2 13); [simpl; lra | now apply bpow_lt]. }
    split; [|split; [exact few|]].
    - apply below_limit; [exact Ft | rewrite T; lra].
    - apply passes; [exact fin | now rewrite (sub_correct _ _ fin), R].
  Qed.

  Theorem dithered_near : exists q, encode (c Dithered) u x = Integer q /\ (Z.abs q <= 2052)%Z.
  Proof.
    destruct (isZero x) eqn:null.
    { destruct (isZero_shape x null) as [sign ->].
      exists 0%Z. split; [|lia]. apply dithered_zero; [reflexivity | exact bin_positive]. }
    destruct dithered_passes as [fits [few within_b]]. set (r := integer _) in *.
    set (q := (if r <? 0 then r else r + 1)%Z).
    assert (some : integerOf (c Dithered) u x = Some q).
    { unfold integerOf, side, c. cbn [kind positive]. now rewrite null, fits. }
    exists q. unfold encode. rewrite some. unfold valueOf, side, c. cbn [kind positive].
    replace (q =? 0)%Z with false by (unfold q; destruct (Z.ltb_spec r 0); symmetry; apply Z.eqb_neq; lia).
    replace (if 0 <? q then q - 1 else q)%Z with r
      by (unfold q; destruct (Z.ltb_spec r 0); [destruct (Z.ltb_spec 0 r) | destruct (Z.ltb_spec 0 (r + 1))]; lia).
    change (bound B) with b. rewrite within_b. split; [reflexivity|]. unfold q. destruct (r <? 0)%Z; lia.
  Qed.

  (** [B] is the bin of x's side. *)
  Theorem signed_near (d : quantization) : kind d = Signed -> side d (lt x zero) = B ->
    exists q, encode d u x = Integer q /\ (Z.abs q <= 2052)%Z.
  Proof.
    intros K own. destruct (isZero x) eqn:null.
    { destruct (isZero_shape x null) as [sign ->].
      exists 0%Z. split; [|lia]. apply signed_zero; [exact K|].
      replace (positive d) with B; [exact bin_positive|]. rewrite <- own. unfold side. rewrite K. now destruct sign. }
    destruct dithered_passes as [fits [few within_b]]. set (r := integer _) in *.
    set (q := (if lt x zero then r - 1 else r + 1)%Z).
    assert (some : integerOf d u x = Some q) by (unfold integerOf; now rewrite K, own, null, fits).
    assert (inv : 0 <= toR (inverse (side d (lt x zero)))) by (rewrite own; apply Rlt_le, inverse_pos).
    destruct (signed_integer d u x q K Fx inv small_u some) as [_ [up [down _]]].
    assert (sides : (q <? 0)%Z = lt x zero /\ q <> 0%Z /\ (if 0 <? q then q - 1 else q + 1)%Z = r).
    { unfold q in *. destruct (lt x zero) eqn:below.
      - apply lt_zero in below; [|exact Fx]. specialize (down below).
        destruct (Z.ltb_spec (r - 1) 0), (Z.ltb_spec 0 (r - 1)); repeat split; lia || reflexivity.
      - assert (pos : 0 < toR x).
        { destruct (lt_false x zero Fx eq_refl below) as [pos | R0]; [exact pos|].
          destruct (zero_toR x Fx (eq_sym R0)) as [sign ->]. discriminate. }
        specialize (up pos). destruct (Z.ltb_spec (r + 1) 0), (Z.ltb_spec 0 (r + 1)); repeat split; lia || reflexivity. }
    destruct sides as [same [nz back]].
    exists q. unfold encode. rewrite some, own. unfold valueOf. rewrite K, same, own, back, (proj2 (Z.eqb_neq q 0) nz).
    change (bound B) with b. rewrite within_b. split; [reflexivity|]. unfold q. destruct (lt x zero); lia.
  Qed.
End Near.

(** ** Rounding by adding: 1.5 * 2^23 leaves no bits for a fraction

    models src/codec/stages/quantize.ts:nearest *)

Definition magic : Z := 12582912.

Lemma Znearest_shift (v : R) (n : Z) : Z.even n = true -> ZnearestE (v + IZR n) = (ZnearestE v + n)%Z.
Proof.
  intros even. unfold Znearest.
  assert (down : Zfloor (v + IZR n) = (Zfloor v + n)%Z).
  { apply Zfloor_imp. pose proof (Zfloor_lb v). pose proof (Zfloor_ub v). rewrite !plus_IZR. lra. }
  assert (up : Zceil (v + IZR n) = (Zceil v + n)%Z).
  { unfold Zceil. replace (- (v + IZR n)) with (- v + IZR (- n)) by (rewrite opp_IZR; ring).
    assert (Zfloor (- v + IZR (- n)) = (Zfloor (- v) + - n)%Z) as ->; [|lia].
    apply Zfloor_imp. pose proof (Zfloor_lb (- v)). pose proof (Zfloor_ub (- v)). rewrite !plus_IZR. lra. }
  rewrite down, up, plus_IZR.
  replace (v + IZR n - (IZR (Zfloor v) + IZR n)) with (v - IZR (Zfloor v)) by ring.
  rewrite Z.even_add, even. destruct (Z.even (Zfloor v)); simpl; now destruct (Rcompare _ _).
Qed.

Theorem magic_nearest (v : R) :
  Rabs v < IZR (2 ^ 22) -> rnd (rnd (v + IZR magic) - IZR magic) = IZR (ZnearestE v).
Proof.
  intros small. apply Rabs_lt_inv in small.
  set (y := v + IZR magic).
  assert (binade : mag radix2 y = 24%Z :> Z).
  { apply mag_unique. unfold y, magic. rewrite Rabs_pos_eq by (simpl; lra). simpl. lra. }
  assert (whole : rnd y = IZR (ZnearestE v + magic)).
  { unfold rnd, round, scaled_mantissa, cexp. rewrite binade.
    change (fexp32 24) with 0%Z. simpl (bpow radix2 (- 0)). rewrite Rmult_1_r.
    unfold F2R; simpl. rewrite Rmult_1_r. f_equal. now apply Znearest_shift. }
  rewrite whole, plus_IZR. replace (IZR (ZnearestE v) + IZR magic - IZR magic) with (IZR (ZnearestE v)) by ring.
  apply round_generic; [typeclasses eauto|]. apply F32_small_integer.
  assert (Rabs (IZR (ZnearestE v)) <= IZR (2 ^ 22) + 1).
  { replace (IZR (ZnearestE v)) with (v - (v - IZR (ZnearestE v))) by ring.
    apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp.
    pose proof (Znearest_half (fun x => negb (Z.even x)) v). assert (Rabs v <= IZR (2 ^ 22)) by (apply Rabs_le; lra). lra. }
  rewrite <- abs_IZR, <- plus_IZR in H. apply le_IZR in H. lia.
Qed.
