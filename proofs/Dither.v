(** * Dither: noise that makes the error independent of the signal

    Plain rounding's error is a function of the signal: at a coarse bound it *is* the signal. Subtractive dither adds a
    known u before rounding and takes it off afterwards. In steps, x/s = y, the decoded value is round(y + u) - u and the
    error round(y + u) - (y + u): it depends on y + u only modulo 1, and there a u spread evenly forgets y.

    u comes from a counter: a bijective mix of 32-bit words of which 23 bits are kept, so it needs no storage and
    over all counters each of its m = 2^23 values, odd multiples of 1/2m in (-1/2, 1/2), occurs equally often.

    Main results
    - [unmix_mix], [mix_unmix]: the mix is a bijection of 32-bit words.
    - [dither_uniform]: for every key, exactly 2^9 of all 2^32 counters give each dither value.
    - [dither_exact]: the float32 formula computes (2k + 1 - 2^23) / 2^24 without error; |u| < 1/2; values come in pairs +-u.
    - [dither_apart]: it is never 0, but at least 2^-24 from it.
    - [error_is_dither]: for a signal on the grid of 1/m steps, the error under dither k is minus the dither of another
      index, k shifted by the signal. [error_permutes]: so its values over all k are the dither's values, whatever the
      signal: uniform on the grid, exactly.
    - [error_mean], [error_square]: hence mean 0 and variance s^2/12 (1 - 1/m^2), that is eb^2/3 with s = 2 eb.
    - [error_uncorrelated]: averaged over the dither, error times any function of the signal is 0.
    - [error_real]: for any real signal and any real u in [0, 1), frac(y + u) < a holds on two intervals of u of
      total length a ([error_real_length]): the error of continuous dither is uniform at every y.
    - [rounding_is_signal]: without dither, an |x| below half a step has error -x: the premise of an independent uniform
      error is refuted at coarse bounds. *)

From Coq Require Import ZArith Reals List Permutation Lra Lia.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Comet Require Import Bound Binary32 Narrow.
Import ListNotations.
Open Scope Z_scope.

(** ** The mix

    models src/codec/stages/quantize.ts:mix *)

Definition word (z : Z) : Z := z mod 2 ^ 32.
Definition u32 (z : Z) : Prop := 0 <= z < 2 ^ 32.

Definition xorShift (n z : Z) : Z := Z.lxor z (Z.shiftr z n).

Definition mix (w : Z) : Z :=
  xorShift 16 (word (xorShift 15 (word (xorShift 16 w * 0x7feb352d)) * 0x846ca68b)).

(** The factors' inverses modulo 2^32. *)
Definition unmix (w : Z) : Z :=
  xorShift 16 (word (xorShift 15 (xorShift 30 (word (xorShift 16 w * 0x43021123))) * 0x1d69e2a5)).

Lemma word_u32 z : u32 (word z).
Proof. apply Z.mod_pos_bound. reflexivity. Qed.

Lemma shiftr_high z n : u32 z -> 32 <= n -> Z.shiftr z n = 0.
Proof.
  intros [low high] far. rewrite Z.shiftr_div_pow2 by lia. apply Z.div_small. split; [exact low|].
  apply Z.lt_le_trans with (1 := high). apply Z.pow_le_mono_r; lia.
Qed.

Lemma xorShift_u32 n z : 0 <= n -> u32 z -> u32 (xorShift n z).
Proof.
  intros pos [low high]. unfold xorShift.
  assert (down : 0 <= Z.shiftr z n <= z).
  { rewrite Z.shiftr_div_pow2 by lia. split; [apply Z.div_pos; [lia | apply Z.pow_pos_nonneg; lia]|].
    apply Z.div_le_upper_bound; [apply Z.pow_pos_nonneg; lia|]. pose proof (Z.pow_pos_nonneg 2 n). nia. }
  split; [apply Z.lxor_nonneg; lia|].
  destruct (Z.eq_dec (Z.lxor z (Z.shiftr z n)) 0) as [-> | some]; [lia|].
  assert (0 <= Z.lxor z (Z.shiftr z n)) by (apply Z.lxor_nonneg; lia).
  apply Z.log2_lt_pow2; [lia|].
  apply Z.le_lt_trans with (1 := Z.log2_lxor z (Z.shiftr z n) low ltac:(lia)).
  apply Z.max_lub_lt.
  - destruct (Z.eq_dec z 0) as [-> | nz]; [reflexivity|]. apply Z.log2_lt_pow2; lia.
  - destruct (Z.eq_dec (Z.shiftr z n) 0) as [-> | nz]; [reflexivity|]. apply Z.log2_lt_pow2; lia.
Qed.

(** Twice the same xor-shift is one of twice the distance, which is none from 32 bits on. *)
Lemma xorShift_twice n z : 0 <= n -> xorShift n (xorShift n z) = xorShift (2 * n) z.
Proof.
  intros pos. unfold xorShift. rewrite Z.shiftr_lxor, Z.shiftr_shiftr by lia.
  replace (n + n) with (2 * n) by ring.
  rewrite Z.lxor_assoc, <- (Z.lxor_assoc (Z.shiftr z n)), Z.lxor_nilpotent, Z.lxor_0_l. reflexivity.
Qed.

Lemma xorShift_none n z : 32 <= n -> u32 z -> xorShift n z = z.
Proof. intros far range. unfold xorShift. rewrite shiftr_high by assumption. apply Z.lxor_0_r. Qed.

Lemma xorShift_comm a b z : 0 <= a -> 0 <= b -> xorShift a (xorShift b z) = xorShift b (xorShift a z).
Proof.
  intros. unfold xorShift. rewrite !Z.shiftr_lxor, !Z.shiftr_shiftr by lia.
  rewrite (Z.add_comm b a), !Z.lxor_assoc. f_equal.
  rewrite <- !Z.lxor_assoc. f_equal. apply Z.lxor_comm.
Qed.

Lemma undo16 z : u32 z -> xorShift 16 (xorShift 16 z) = z.
Proof. intros. rewrite xorShift_twice by lia. now apply xorShift_none. Qed.

Lemma undo15 z : u32 z -> xorShift 15 (xorShift 30 (xorShift 15 z)) = z.
Proof.
  intros. rewrite (xorShift_comm 30 15), xorShift_twice by lia.
  change (2 * 15) with 30. rewrite xorShift_twice by lia. now apply xorShift_none.
Qed.

Lemma undo15' z : u32 z -> xorShift 15 (xorShift 15 (xorShift 30 z)) = z.
Proof. intros. rewrite xorShift_twice by lia. change (2 * 15) with 30. rewrite xorShift_twice by lia. now apply xorShift_none. Qed.

Lemma undo_multiply z a b : u32 z -> (a * b) mod 2 ^ 32 = 1 -> word (word (z * a) * b) = z.
Proof.
  intros range unit. unfold word. rewrite Zmult_mod_idemp_l.
  replace (z * a * b) with (z * (a * b)) by ring.
  rewrite <- Zmult_mod_idemp_r, unit, Z.mul_1_r. now apply Z.mod_small.
Qed.

Theorem unmix_mix (w : Z) : u32 w -> u32 (mix w) /\ unmix (mix w) = w.
Proof.
  intros range.
  pose proof (xorShift_u32 16 w ltac:(lia) range) as r1.
  set (a := word (xorShift 16 w * 0x7feb352d)). assert (ra : u32 a) by apply word_u32.
  pose proof (xorShift_u32 15 a ltac:(lia) ra) as r2.
  set (b := word (xorShift 15 a * 0x846ca68b)). assert (rb : u32 b) by apply word_u32.
  split; [now apply xorShift_u32|].
  unfold unmix, mix. fold a b. rewrite undo16 by exact rb.
  unfold b. rewrite undo_multiply by (auto; reflexivity).
  rewrite undo15 by exact ra.
  unfold a. rewrite undo_multiply by (auto; reflexivity).
  now apply undo16.
Qed.

Theorem mix_unmix (w : Z) : u32 w -> u32 (unmix w) /\ mix (unmix w) = w.
Proof.
  intros range.
  pose proof (xorShift_u32 16 w ltac:(lia) range) as r1.
  set (a := word (xorShift 16 w * 0x43021123)). assert (ra : u32 a) by apply word_u32.
  assert (r2 : u32 (xorShift 15 (xorShift 30 a))) by (apply xorShift_u32, xorShift_u32; auto; lia).
  set (b := word (xorShift 15 (xorShift 30 a) * 0x1d69e2a5)). assert (rb : u32 b) by apply word_u32.
  split; [now apply xorShift_u32|].
  unfold mix, unmix. fold a b. rewrite undo16 by exact rb.
  unfold b. rewrite undo_multiply by (auto; reflexivity).
  rewrite undo15' by exact ra.
  unfold a. rewrite undo_multiply by (auto; reflexivity).
  now apply undo16.
Qed.

(** ** The counter

    models src/codec/stages/quantize.ts:dither. [key] is mix of the seed; i is the element's number in the tensor. *)

Definition golden : Z := 0x9e3779b9.
Definition goldenInverse : Z := 0x144cbc89.

Definition hash (key i : Z) : Z := mix (word (i * golden + key)).
Definition index (key i : Z) : Z := Z.shiftr (hash key i) 9.

(** Undoing a counter i * a + key, and its converse, for any odd a with inverse b. *)
Lemma counter_back (a b key w : Z) : u32 w -> (b * a) mod 2 ^ 32 = 1 ->
  word (word (word (w - key) * b) * a + key) = w.
Proof.
  intros range unit.
  assert (inner : word (word (word (w - key) * b) * a) = word (w - key)) by (apply undo_multiply; auto using word_u32).
  unfold word at 1. rewrite <- Zplus_mod_idemp_l. fold (word (word (word (w - key) * b) * a)). rewrite inner.
  unfold word. rewrite Zplus_mod_idemp_l. replace (w - key + key) with w by ring. now apply Z.mod_small.
Qed.

Lemma counter_forth (a b key j : Z) : u32 j -> (a * b) mod 2 ^ 32 = 1 ->
  word (word (word (j * a + key) - key) * b) = j.
Proof.
  intros range unit.
  replace (word (word (j * a + key) - key)) with (word (j * a)); [now apply undo_multiply|].
  unfold word. rewrite Zminus_mod_idemp_l. f_equal. ring.
Qed.

Theorem dither_uniform (key k low : Z) :
  0 <= k < 2 ^ 23 -> 0 <= low < 2 ^ 9 ->
  exists i, (u32 i /\ hash key i = k * 2 ^ 9 + low) /\ forall j, u32 j /\ hash key j = k * 2 ^ 9 + low -> j = i.
Proof.
  intros range_k range_low. set (h := k * 2 ^ 9 + low). assert (range : u32 h) by (unfold u32, h; lia).
  destruct (mix_unmix h range) as [range_w back]. set (w := unmix h) in *.
  exists (word (word (w - key) * goldenInverse)). repeat split; try apply word_u32.
  - unfold hash. rewrite <- back. f_equal. now apply counter_back.
  - intros j [range_j same]. unfold hash in same.
    destruct (unmix_mix (word (j * golden + key)) (word_u32 _)) as [_ inner].
    rewrite same in inner. fold w in inner. rewrite inner. symmetry. now apply counter_forth.
Qed.

Definition dither (key i : Z) : f32 := add (mul (ofI32 (index key i)) (float 1 (-23))) (float (1 - 2 ^ 23) (-24)).

Open Scope R_scope.

Lemma toR_2m23 : toR (float 1 (-23)) = bpow radix2 (-23).
Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 (float 1 (-23))) with (F754_finite false 8388608 (-46)). cbn; unfold F2R; cbn. lra. Qed.

Lemma toR_shift : toR (float (1 - 2 ^ 23) (-24)) = IZR (1 - 2 ^ 23) * bpow radix2 (-24).
Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 (float (1 - 2 ^ 23) (-24))) with (F754_finite true 16777214 (-25)). cbn; unfold F2R; cbn. lra. Qed.

Lemma F32_scaled (n e : Z) : (Z.abs n < 2 ^ 24)%Z -> (-149 <= e)%Z -> F32 (IZR n * bpow radix2 e).
Proof. intros small low. apply generic_format_FLT. exists (Float radix2 n e); [reflexivity | simpl; lia | exact low]. Qed.

Theorem dither_exact (key i : Z) :
  let k := index key i in
  (0 <= k < 2 ^ 23)%Z /\ finite (dither key i) = true /\
  toR (dither key i) = IZR (2 * k + 1 - 2 ^ 23) / 2 ^ 24 /\ Rabs (toR (dither key i)) < / 2.
Proof.
  intros k.
  assert (range : (0 <= k < 2 ^ 23)%Z).
  { unfold k, index. rewrite Z.shiftr_div_pow2 by lia.
    destruct (unmix_mix (word (i * golden + key)) (word_u32 _)) as [[low high] _]. fold (hash key i) in low, high.
    split; [apply Z.div_pos; lia | apply Z.div_lt_upper_bound; lia]. }
  split; [exact range|].
  destruct (ofI32_correct k ltac:(lia)) as [Fk K].
  assert (whole : rnd (IZR k) = IZR k) by (apply round_generic; [typeclasses eauto | apply F32_small_integer; lia]).
  rewrite whole in K. clear whole.
  assert (P : finite (mul (ofI32 k) (float 1 (-23))) = true /\ toR (mul (ofI32 k) (float 1 (-23))) = IZR k * bpow radix2 (-23)).
  { assert (exact : rnd (toR (ofI32 k) * toR (float 1 (-23))) = IZR k * bpow radix2 (-23)).
    { rewrite K, toR_2m23. apply round_generic; [typeclasses eauto | apply F32_scaled; lia]. }
    rewrite <- exact. apply mul_small; auto. rewrite exact.
    rewrite Rabs_pos_eq by (apply Rmult_le_pos; [apply IZR_le; lia | apply bpow_ge_0]).
    apply Rle_lt_trans with (bpow radix2 23 * bpow radix2 (-23)).
    - apply Rmult_le_compat_r; [apply bpow_ge_0|]. rewrite <- (IZR_Zpower radix2) by lia. apply IZR_le. simpl. lia.
    - rewrite <- bpow_plus. now apply bpow_lt. }
  destruct P as [Fp P].
  assert (sum : IZR k * bpow radix2 (-23) + IZR (1 - 2 ^ 23) * bpow radix2 (-24) = IZR (2 * k + 1 - 2 ^ 23) * bpow radix2 (-24)).
  { replace (bpow radix2 (-23)) with (2 * bpow radix2 (-24)) by (simpl; lra).
    replace (2 * k + 1 - 2 ^ 23)%Z with (2 * k + (1 - 2 ^ 23))%Z by ring. rewrite plus_IZR, mult_IZR. ring. }
  assert (exact : rnd (toR (mul (ofI32 k) (float 1 (-23))) + toR (float (1 - 2 ^ 23) (-24)))
                  = IZR (2 * k + 1 - 2 ^ 23) * bpow radix2 (-24)).
  { rewrite P, toR_shift, sum. apply round_generic; [typeclasses eauto | apply F32_scaled; lia]. }
  assert (half : Rabs (IZR (2 * k + 1 - 2 ^ 23) * bpow radix2 (-24)) < / 2).
  { rewrite Rabs_mult, (Rabs_pos_eq (bpow radix2 (-24))) by apply bpow_ge_0. rewrite <- abs_IZR.
    assert (IZR (Z.abs (2 * k + 1 - 2 ^ 23)) < IZR (2 ^ 23)) by (apply IZR_lt; lia).
    change (IZR (2 ^ 23)) with 8388608 in H. replace (bpow radix2 (-24)) with (/ 16777216) by (simpl; lra). lra. }
  assert (A : finite (dither key i) = true /\ toR (dither key i) = IZR (2 * k + 1 - 2 ^ 23) * bpow radix2 (-24)).
  { rewrite <- exact. unfold dither. fold k. apply add_small; auto. rewrite exact.
    apply Rlt_trans with (1 := half). apply Rlt_trans with 1; [lra|]. change 1 with (bpow radix2 0). now apply bpow_lt. }
  destruct A as [Fd D]. rewrite D. repeat split; [exact Fd | | exact half].
  unfold Rdiv. f_equal. simpl. lra.
Qed.

(** Of an odd number, so never 0: what Quantize.signed_mask asks of a dither. *)
Theorem dither_apart (key i : Z) : bpow radix2 (-24) <= Rabs (toR (dither key i)) <= / 2.
Proof.
  destruct (dither_exact key i) as [_ [_ [exact small]]]. split; [|now apply Rlt_le]. rewrite exact.
  replace (2 ^ 24) with 16777216 by (simpl; lra).
  unfold Rdiv. rewrite Rabs_mult, <- abs_IZR, (Rabs_pos_eq (/ 16777216)) by lra.
  assert (1 <= IZR (Z.abs (2 * index key i + 1 - 2 ^ 23))) by (apply IZR_le; lia).
  replace (bpow radix2 (-24)) with (/ 16777216) by (simpl; lra). lra.
Qed.

(** Over all k, dither values come in pairs of opposite sign. *)
Theorem dither_symmetric (k : Z) :
  IZR (2 * (2 ^ 23 - 1 - k) + 1 - 2 ^ 23) / 2 ^ 24 = - (IZR (2 * k + 1 - 2 ^ 23) / 2 ^ 24).
Proof.
  replace (2 * (2 ^ 23 - 1 - k) + 1 - 2 ^ 23)%Z with (- (2 * k + 1 - 2 ^ 23))%Z by ring.
  rewrite opp_IZR. field.
Qed.

(** ** The error on the grid

    Everything in units of 1/2m steps: the signal is 2j, the dither 2k + 1 - m. For even m no sum is a tie, so every
    rounding to nearest agrees with this one. *)

Open Scope Z_scope.

Section Grid.
  Variable m : Z.
  Hypothesis pos : 0 < m.

  Definition u (k : Z) : Z := 2 * k + 1 - m.
  Definition round (t : Z) : Z := (t + m) / (2 * m).
  Definition error (j k : Z) : Z := 2 * m * round (2 * j + u k) - (2 * j + u k).

  Theorem error_is_dither (j k : Z) : error j k = - u ((j + k) mod m).
  Proof.
    unfold error, round, u.
    replace (2 * j + (2 * k + 1 - m) + m) with (1 + 2 * (j + k)) by ring.
    pose proof (Z.div_mod (j + k) m ltac:(lia)) as split. pose proof (Z.mod_pos_bound (j + k) m pos).
    set (d := (j + k) / m) in *. set (r := (j + k) mod m) in *.
    replace ((1 + 2 * (j + k)) / (2 * m)) with d; [lia|].
    apply Z.div_unique with (r := 2 * r + 1); lia.
  Qed.

  (** It is a rounding to nearest: the error is below half a step. *)
  Theorem error_half (j k : Z) : Z.abs (error j k) < m.
  Proof. rewrite error_is_dither. unfold u. pose proof (Z.mod_pos_bound (j + k) m pos). lia. Qed.

  Definition all : list Z := map Z.of_nat (seq 0 (Z.to_nat m)).

  Lemma in_all k : In k all <-> 0 <= k < m.
  Proof.
    unfold all. rewrite in_map_iff. split.
    - intros [n [<- here]]. apply in_seq in here. lia.
    - intros range. exists (Z.to_nat k). rewrite Z2Nat.id by lia. split; [reflexivity|]. apply in_seq. lia.
  Qed.

  Lemma all_nodup : NoDup all.
  Proof.
    unfold all. apply FinFun.Injective_map_NoDup; [|apply seq_NoDup].
    intros a b same. lia.
  Qed.

  Lemma nodup_map (f : Z -> Z) (l : list Z) :
    (forall a b, In a l -> In b l -> f a = f b -> a = b) -> NoDup l -> NoDup (map f l).
  Proof.
    intros injective distinct. induction distinct as [|a l fresh _ IH]; simpl; constructor.
    - intros again. apply in_map_iff in again. destruct again as [b [same there]].
      apply fresh. rewrite <- (injective b a); simpl; auto.
    - apply IH. intros. apply injective; simpl; auto.
  Qed.

  Lemma shift_permutes (j : Z) : Permutation (map (fun k => (j + k) mod m) all) all.
  Proof.
    apply NoDup_Permutation_bis.
    - apply nodup_map; [|apply all_nodup].
      intros a b in_a in_b same. rewrite in_all in in_a, in_b.
      assert (agree : (a - b) mod m = 0).
      { replace (a - b) with ((j + a) - (j + b)) by ring. rewrite Zminus_mod, same, Z.sub_diag. reflexivity. }
      apply Z.mod_divide in agree; [|lia]. destruct agree as [q eq]. assert (q = 0) by nia. subst q. lia.
    - now rewrite map_length.
    - intros k here. apply in_map_iff in here. destruct here as [i [<- _]]. apply in_all. now apply Z.mod_pos_bound.
  Qed.

  Theorem error_permutes (j : Z) : Permutation (map (error j) all) (map (fun k => - u k) all).
  Proof.
    rewrite (map_ext _ _ (error_is_dither j)), <- (map_map (fun k => (j + k) mod m) (fun r => - u r)).
    now apply Permutation_map, shift_permutes.
  Qed.

  Definition sum : list Z -> Z := fold_right Z.add 0.

  Lemma sum_permutes a b : Permutation a b -> sum a = sum b.
  Proof. induction 1; simpl; lia. Qed.

  Lemma sum_seq (f : Z -> Z) (n : nat) : sum (map f (map Z.of_nat (seq 0 (S n)))) = sum (map f (map Z.of_nat (seq 0 n))) + f (Z.of_nat n).
  Proof.
    rewrite seq_S, !map_app. simpl.
    induction (map f (map Z.of_nat (seq 0 n))); simpl in *; lia.
  Qed.

  Lemma sum_u (n : nat) : sum (map (fun k => - u k) (map Z.of_nat (seq 0 n))) = Z.of_nat n * (m - Z.of_nat n).
  Proof. induction n as [|n IH]; [reflexivity|]. rewrite sum_seq, IH. unfold u. lia. Qed.

  Lemma sum_u2 (n : nat) :
    3 * sum (map (fun k => u k * u k) (map Z.of_nat (seq 0 n)))
      = Z.of_nat n * (4 * Z.of_nat n * Z.of_nat n - 6 * m * Z.of_nat n + 3 * m * m - 1).
  Proof. induction n as [|n IH]; [reflexivity|]. rewrite sum_seq. unfold u in *. lia. Qed.

  (** Mean 0. *)
  Theorem error_mean (j : Z) : sum (map (error j) all) = 0.
  Proof.
    rewrite (sum_permutes _ _ (error_permutes j)). unfold all. rewrite sum_u, Z2Nat.id by lia. ring.
  Qed.

  (** Mean square (m^2 - 1) / 3 in units of (1/2m)^2: variance 1/12 (1 - 1/m^2) in steps squared. *)
  Theorem error_square (j : Z) : 3 * sum (map (fun k => error j k * error j k) all) = m * (m * m - 1).
  Proof.
    rewrite <- (map_map (error j) (fun e => e * e)).
    rewrite (sum_permutes _ _ (Permutation_map (fun e => e * e) (error_permutes j))).
    rewrite map_map, (map_ext _ (fun k => u k * u k)) by (intros; ring).
    unfold all. rewrite sum_u2, Z2Nat.id by lia. ring.
  Qed.

  (** Error times any function of the signal, over any signals and all dithers. *)
  Theorem error_uncorrelated (h : Z -> Z) (signals : list Z) :
    sum (map (fun j => sum (map (fun k => h j * error j k) all)) signals) = 0.
  Proof.
    assert (scale : forall c l, sum (map (fun k => c * k) l) = c * sum l)
      by (intros c l; induction l; simpl; lia).
    induction signals as [|j rest IH]; simpl; [reflexivity|]. rewrite IH.
    rewrite <- (map_map (error j) (fun e => h j * e)), scale, error_mean. ring.
  Qed.

  (** Two elements with dithers of their own: the product of their errors averages to 0. *)
  Theorem errors_uncorrelated (i j : Z) :
    sum (map (fun k => sum (map (fun l => error i k * error j l) all)) all) = 0.
  Proof.
    assert (scale : forall c l, sum (map (fun k => c * k) l) = c * sum l)
      by (intros c l; induction l; simpl; lia).
    rewrite (map_ext _ (fun _ => 0)).
    - induction all; simpl; lia.
    - intros k. rewrite <- (map_map (error j) (fun e => error i k * e)), scale, error_mean. ring.
  Qed.
End Grid.

(** ** The error for real signals and continuous dither

    round(t) = floor(t + 1/2), so the error is 1/2 - frac(t + 1/2). With u from [0, 1) in place of [-1/2, 1/2) the question
    is how often frac(y + u) < a. *)

Open Scope R_scope.

Definition frac (y : R) : R := y - IZR (Zfloor y).

Theorem error_real (y v a : R) :
  0 <= v < 1 -> 0 <= a <= 1 ->
  frac (y + v) < a <-> v < a - frac y \/ (1 - frac y <= v < 1 - frac y + a).
Proof.
  intros v01 a01. pose proof (Zfloor_lb y) as low. pose proof (Zfloor_ub y) as high. unfold frac.
  destruct (Rlt_or_le (y + v) (IZR (Zfloor y) + 1)).
  - rewrite (Zfloor_imp (Zfloor y) (y + v)) by (rewrite plus_IZR; lra). split; intros; lra.
  - rewrite (Zfloor_imp (Zfloor y + 1) (y + v)) by (rewrite !plus_IZR; lra). rewrite plus_IZR. split; intros; lra.
Qed.

(** Inside [0, 1) the two pieces, [0, a - f) and [1 - f, min(1, 1 - f + a)), have length a together. *)
Theorem error_real_length (f a : R) :
  0 <= f < 1 -> 0 <= a <= 1 -> Rmax 0 (a - f) + (Rmin 1 (1 - f + a) - (1 - f)) = a.
Proof. intros. unfold Rmax, Rmin. destruct (Rle_dec 0 (a - f)), (Rle_dec 1 (1 - f + a)); lra. Qed.

(** ** Without dither *)

Theorem rounding_is_signal (step x : R) :
  0 < step -> Rabs x < step / 2 -> IZR (ZnearestE (x / step)) * step - x = - x.
Proof.
  intros pos small. rewrite (Znearest_imp _ (x / step) 0); [ring|].
  rewrite Rminus_0_r. unfold Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq step) by lra.
  apply Rmult_lt_reg_r with step; [exact pos|]. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.
