(** * Pack: fixed-length blocks, bit for bit

    A block holds 64 unsigned integers of at most w bits. They are written as planes of 8, 4, 2 and 1 bits, and a
    plane scatters its 64 digits over its bytes so that SIMD shifts and ORs do the work. Two facts make the inverse:
    a plane's digits occupy disjoint bits, and the planes' widths add up to w.

    Main results
    - [get_put]: digits written with OR into disjoint bit fields of a zeroed word are read back, whatever the layout.
    - [places_disjoint], [places_inside]: the layout of src/codec/stages/pack.ts puts the 64 digits of every plane into
      disjoint fields and fills the plane's 8 * bits bytes exactly. By evaluation of all 64 * 64 pairs.
    - [planes_sum]: the planes of a width w <= 32 have w bits together. By evaluation.
    - [join_split]: the digits of a value, put together again, are its low bits.
    - [unpack_pack_string]: fewer than 64 integers, packed end to end, come back.
    - [unpack_pack]: a block of any width 0 ... 32 comes back. *)

From Coq Require Import ZArith List Bool Lia.
Import ListNotations.
Open Scope Z_scope.

Definition fits (w v : Z) : Prop := 0 <= v < 2 ^ w.

Lemma fits_high (w v i : Z) : 0 <= w -> fits w v -> w <= i -> Z.testbit v i = false.
Proof.
  intros wide [low high] far.
  destruct (Z.eq_dec v 0) as [-> | some]; [apply Z.bits_0|].
  apply Z.bits_above_log2; [lia|]. apply Z.lt_le_trans with w; [|lia]. apply Z.log2_lt_pow2; lia.
Qed.

(** ** Bit fields of one long little-endian word *)

Section Fields.
  Variables (width : Z) (place : nat -> Z).
  Hypothesis wide : 0 <= width.

  (** Digit i is ORed in at bit [place i]. *)
  Fixpoint putFrom (i : nat) (digits : list Z) : Z :=
    match digits with [] => 0 | d :: rest => Z.lor (Z.shiftl d (place i)) (putFrom (S i) rest) end.
  Definition put : list Z -> Z := putFrom 0.
  Definition get (word : Z) (i : nat) : Z := Z.land (Z.shiftr word (place i)) (Z.ones width).

  Definition apart (n : nat) : Prop :=
    (forall i, (i < n)%nat -> 0 <= place i) /\
    (forall i j, (i < n)%nat -> (j < n)%nat -> i <> j -> width <= Z.abs (place i - place j)).

  (** Bit [place i + k] of the word is bit k of digit i: no other digit reaches it. *)
  Lemma putFrom_bit (digits : list Z) :
    forall first n, apart n -> (first + length digits <= n)%nat -> Forall (fits width) digits ->
    forall i k, (i < n)%nat -> 0 <= k < width ->
    Z.testbit (putFrom first digits) (place i + k)
      = if (first <=? i)%nat && (i <? first + length digits)%nat then Z.testbit (nth (i - first) digits 0) k else false.
  Proof.
    induction digits as [|d rest IH]; intros first n free room fit i k here below; cbn [putFrom length].
    - rewrite Z.bits_0. destruct (Nat.leb_spec first i), (Nat.ltb_spec i (first + 0)); simpl; try reflexivity; lia.
    - inversion fit as [|? ? fit_d fit_rest]; subst. cbn [length] in room. destruct free as [pos sep].
      rewrite Z.lor_spec, Z.shiftl_spec by (specialize (pos i here); lia).
      rewrite (IH (S first) n) by (repeat split; auto; lia).
      destruct (Nat.eq_dec i first) as [-> | other].
      + replace (place first + k - place first) with k by ring.
        rewrite Nat.sub_diag, Nat.leb_refl.
        destruct (Nat.leb_spec (S first) first); [lia|].
        destruct (Nat.ltb_spec first (first + S (length rest))); [|lia].
        simpl. apply orb_false_r.
      + assert (Z.testbit d (place i + k - place first) = false) as ->.
        { specialize (sep i first here ltac:(lia) other).
          destruct (Z.lt_ge_cases (place i + k - place first) 0).
          - now apply Z.testbit_neg_r.
          - apply (fits_high width); auto; lia. }
        cbn [orb].
        destruct (Nat.leb_spec first i), (Nat.leb_spec (S first) i); try lia; cbn [andb]; [|reflexivity].
        replace (S first + length rest)%nat with (first + S (length rest))%nat by lia.
        destruct (Nat.ltb_spec i (first + S (length rest))); [|reflexivity].
        replace (i - first)%nat with (S (i - S first)) by lia. reflexivity.
  Qed.

  Theorem get_put (digits : list Z) :
    apart (length digits) -> Forall (fits width) digits ->
    map (get (put digits)) (seq 0 (length digits)) = digits.
  Proof.
    intros free fit.
    apply nth_ext with (d := get (put digits) 0) (d' := 0); [now rewrite map_length, seq_length|].
    rewrite map_length, seq_length. intros i here.
    rewrite map_nth, seq_nth by exact here. cbn [Nat.add].
    assert (fit_i : fits width (nth i digits 0)) by (apply Forall_nth; assumption).
    apply Z.bits_inj'; intros k pos. unfold get.
    rewrite Z.land_spec, Z.shiftr_spec, Z.testbit_ones_nonneg by lia.
    destruct (Z.ltb_spec k width).
    - rewrite andb_true_r, Z.add_comm. unfold put.
      rewrite (putFrom_bit digits 0 (length digits)) by (auto; lia).
      cbn [Nat.leb andb Nat.add]. rewrite Nat.sub_0_r.
      now destruct (Nat.ltb_spec i (length digits)); [|lia].
    - rewrite andb_false_r. symmetry. now apply (fits_high width).
  Qed.
End Fields.

(** ** Fewer than 64 integers: a plain string of bits *)

Theorem string_apart (w : Z) (n : nat) : 0 <= w -> apart w (fun i => Z.of_nat i * w) n.
Proof. intros wide. split; intros; nia. Qed.

Theorem unpack_pack_string (w : Z) (values : list Z) :
  0 <= w -> Forall (fits w) values ->
  map (get w (fun i => Z.of_nat i * w) (put (fun i => Z.of_nat i * w) values)) (seq 0 (length values)) = values.
Proof. intros wide fit. apply get_put; auto. now apply string_apart. Qed.

(** ** The layout of a plane

    models src/codec/stages/pack.ts:placeOf: the byte, times 8, plus the shift within it. *)

Definition placeOf (bits : Z) (i : nat) : Z :=
  let i := Z.of_nat i in
  let row := i / 16 in
  let lane := i mod 16 in
  match bits with
  | 8 => 8 * i
  | 4 => 8 * (row / 2 * 16 + lane) + row mod 2 * 4
  | 2 => 8 * lane + row * 2
  | _ => 8 * (lane mod 8) + (lane / 8 * 4 + row)
  end.

Definition widths := [8; 4; 2; 1].
Definition items := seq 0 64.

Definition disjoint (bits : Z) : bool :=
  forallb (fun i => (0 <=? placeOf bits i) && (placeOf bits i + bits <=? 64 * bits) &&
    forallb (fun j => Nat.eqb i j || (bits <=? Z.abs (placeOf bits i - placeOf bits j))) items) items.

Lemma all_disjoint : forallb disjoint widths = true.
Proof. vm_compute. reflexivity. Qed.

Lemma disjoint_in (bits : Z) (i : nat) : In bits widths -> (i < 64)%nat ->
  0 <= placeOf bits i /\ placeOf bits i + bits <= 64 * bits /\
  forall j, (j < 64)%nat -> i <> j -> bits <= Z.abs (placeOf bits i - placeOf bits j).
Proof.
  intros plane here.
  pose proof (proj1 (forallb_forall _ _) all_disjoint bits plane) as all. unfold disjoint in all.
  rewrite forallb_forall in all. specialize (all i ltac:(apply in_seq; lia)).
  rewrite !andb_true_iff, forallb_forall in all. destruct all as [[low high] others].
  repeat split; try lia.
  intros j there differ. specialize (others j ltac:(apply in_seq; lia)).
  apply orb_true_iff in others. destruct others as [same | far]; [apply Nat.eqb_eq in same; lia | lia].
Qed.

Theorem places_disjoint (bits : Z) : In bits widths -> apart bits (placeOf bits) 64.
Proof.
  intros plane. split; intros i.
  - intros here. now destruct (disjoint_in bits i plane here).
  - intros j here there. destruct (disjoint_in bits i plane here) as [_ [_ far]]. now apply far.
Qed.

Theorem places_inside (bits : Z) (i : nat) : In bits widths -> (i < 64)%nat -> 0 <= placeOf bits i <= 64 * bits - bits.
Proof. intros plane here. destruct (disjoint_in bits i plane here) as [low [high _]]. lia. Qed.

(** ** Planes

    models src/codec/stages/pack.ts:planesOf: bytes first, then 4, 2 and 1 bits as the binary digits of w mod 8 say. *)

Definition planesOf (w : Z) : list Z :=
  repeat 8 (Z.to_nat (w / 8)) ++ filter (fun bits => negb (Z.land w bits =? 0)) [4; 2; 1].

Definition total : list Z -> Z := fold_right Z.add 0.

Lemma planes_all : forallb (fun w => (total (planesOf (Z.of_nat w)) =? Z.of_nat w) &&
  forallb (fun bits => existsb (Z.eqb bits) widths) (planesOf (Z.of_nat w))) (seq 0 33) = true.
Proof. vm_compute. reflexivity. Qed.

Theorem planes_sum (w : Z) : 0 <= w <= 32 -> total (planesOf w) = w /\ Forall (fun bits => In bits widths) (planesOf w).
Proof.
  intros range. pose proof planes_all as all. rewrite forallb_forall in all.
  specialize (all (Z.to_nat w) ltac:(apply in_seq; lia)). rewrite Z2Nat.id in all by lia.
  apply andb_true_iff in all. destruct all as [sum known]. split; [lia|].
  apply Forall_forall. intros bits plane. rewrite forallb_forall in known. specialize (known bits plane).
  apply existsb_exists in known. destruct known as [b [here same]]. apply Z.eqb_eq in same. now subst.
Qed.

(** The digits of one value, lowest first, and the value of digits. *)
Fixpoint split (planes : list Z) (v : Z) : list Z :=
  match planes with [] => [] | bits :: rest => Z.land v (Z.ones bits) :: split rest (Z.shiftr v bits) end.

Fixpoint join (planes digits : list Z) : Z :=
  match planes, digits with
  | bits :: planes', d :: digits' => Z.lor d (Z.shiftl (join planes' digits') bits)
  | _, _ => 0
  end.

Lemma total_nonneg planes : Forall (fun bits => 0 <= bits) planes -> 0 <= total planes.
Proof. induction 1; simpl; lia. Qed.

Theorem join_split (planes : list Z) :
  Forall (fun bits => 0 <= bits) planes -> forall v, join planes (split planes v) = Z.land v (Z.ones (total planes)).
Proof.
  induction 1 as [|bits rest pos more IH]; intros v; simpl; [now rewrite Z.land_0_r|].
  pose proof (total_nonneg rest more).
  rewrite IH. apply Z.bits_inj'; intros k low.
  rewrite Z.lor_spec, Z.shiftl_spec, !Z.land_spec by lia.
  rewrite (Z.testbit_ones_nonneg bits), (Z.testbit_ones_nonneg (bits + total rest)) by lia.
  destruct (Z.ltb_spec k bits).
  - rewrite (Z.testbit_neg_r _ (k - bits)) by lia. simpl. rewrite andb_true_r, orb_false_r.
    destruct (Z.ltb_spec k (bits + total rest)); [now rewrite andb_true_r | lia].
  - rewrite andb_false_r. simpl. rewrite Z.shiftr_spec, Z.testbit_ones_nonneg by lia.
    replace (k - bits + bits) with k by ring. f_equal.
    destruct (Z.ltb_spec (k - bits) (total rest)), (Z.ltb_spec k (bits + total rest)); lia.
Qed.

Lemma land_ones_fits (v w : Z) : 0 <= w -> fits w (Z.land v (Z.ones w)).
Proof. intros. rewrite Z.land_ones by lia. apply Z.mod_pos_bound, Z.pow_pos_nonneg; lia. Qed.

(** ** A block: its planes one behind the other, each a word of 64 digits

    models src/codec/stages/pack.ts:pack src/codec/stages/pack.ts:unpack *)

Fixpoint packPlanes (planes : list Z) (values : list Z) : list Z :=
  match planes with
  | [] => []
  | bits :: rest =>
      put (placeOf bits) (map (fun v => Z.land v (Z.ones bits)) values)
        :: packPlanes rest (map (fun v => Z.shiftr v bits) values)
  end.

Fixpoint unpackPlanes (planes : list Z) (words : list Z) : list Z :=
  match planes, words with
  | bits :: rest, word :: words' =>
      map (fun '(d, high) => Z.lor d (Z.shiftl high bits))
        (combine (map (get bits (placeOf bits) word) items) (unpackPlanes rest words'))
  | _, _ => repeat 0 64
  end.

Definition pack (w : Z) : list Z -> list Z := packPlanes (planesOf w).
Definition unpack (w : Z) : list Z -> list Z := unpackPlanes (planesOf w).

Lemma unpack_planes (planes : list Z) :
  Forall (fun bits => In bits widths) planes -> forall values, length values = 64%nat ->
  unpackPlanes planes (packPlanes planes values) = map (fun v => Z.land v (Z.ones (total planes))) values.
Proof.
  induction 1 as [|bits rest known more IH]; intros values full; cbn [unpackPlanes packPlanes].
  - cbn [total fold_right]. rewrite <- full. clear full.
    induction values; simpl; [reflexivity|]. rewrite Z.land_0_r. now f_equal.
  - assert (pos : 0 <= bits) by (simpl in known; lia).
    assert (nonneg : Forall (fun b => 0 <= b) rest)
      by (eapply Forall_impl; [|exact more]; intros b; simpl; lia).
    pose proof (total_nonneg rest nonneg).
    rewrite IH by now rewrite map_length.
    assert (digits : map (get bits (placeOf bits) (put (placeOf bits) (map (fun v => Z.land v (Z.ones bits)) values))) items
                     = map (fun v => Z.land v (Z.ones bits)) values).
    { unfold items. rewrite <- full, <- (map_length (fun v => Z.land v (Z.ones bits)) values) at 1.
      apply get_put; [exact pos | rewrite map_length, full; now apply places_disjoint |].
      apply Forall_forall. intros d there. apply in_map_iff in there. destruct there as [v [<- _]].
      now apply land_ones_fits. }
    rewrite digits. clear IH digits full.
    induction values as [|v values IH]; simpl; [reflexivity|]. f_equal; [|exact IH].
    (* one value: exactly the step of join_split *)
    assert (one := join_split (bits :: rest) ltac:(constructor; assumption) v).
    simpl in one. rewrite join_split in one by assumption. exact one.
Qed.

Theorem unpack_pack (w : Z) (values : list Z) :
  0 <= w <= 32 -> length values = 64%nat -> Forall (fits w) values -> unpack w (pack w values) = values.
Proof.
  intros range full fit. destruct (planes_sum w range) as [sum known].
  unfold unpack, pack. rewrite unpack_planes, sum by assumption. clear full.
  induction fit as [|v rest here _ IH]; simpl; [reflexivity|]. f_equal; [|exact IH].
  destruct here. rewrite Z.land_ones by lia. now apply Z.mod_small.
Qed.
