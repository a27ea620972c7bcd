(** * Pipeline: a whole chunk, there and back

    The stages together, as src/codec/fast/chunk.ts composes them: quantise every value with its check, predict, leave zeros out
    where that pays, fold, pack in blocks of 64 with a width each; raw values travel beside, with their positions. Which
    predictor, whether zeros are left out and whether folding is needed is the encoder's free choice: nothing below
    depends on how it chooses.

    Main results
    - [blocks_round_trip]: any unsigned integers of at most 32 bits come back from their blocks, at whatever
      widths hold them; a narrow width of 15 is written as 16.
    - [integers_round_trip]: any signed integers of 16 or 32 bits come back, under every plan that is allowed for them.
    - [chunk_round_trip]: so every value of a chunk comes back with its own bits or strictly within the bound of its
      side; under the lossless plan, with its own bits.
    What is not here: the bytes that hold widths, positions and the header (plain serialisation; tested). *)

From Coq Require Import ZArith Reals List Bool Lia.
From Flocq Require Import Core Binary Bits.
From Comet Require Import Bound Binary32 Quantize Predict Pack.
Import ListNotations.
Open Scope Z_scope.

(** ** Blocks

    models src/codec/fast/chunk.ts:encodeChunk src/codec/fast/chunk.ts:decodeChunk *)

Definition bitLength (v : Z) : Z := if v =? 0 then 0 else Z.log2 v + 1.

Definition widest (l : list Z) : Z := fold_right (fun v w => Z.max (bitLength v) w) 0 l.

(** A nibble holds 0 ... 15, of which 15 means 16. *)
Definition written (narrow : bool) (w : Z) : Z := if narrow && (w =? 15) then 16 else w.

Inductive block := Full (w : Z) (planes : list Z) | Rest (w word : Z).

Definition packBlock (narrow : bool) (l : list Z) : block :=
  let w := written narrow (widest l) in
  if Nat.eqb (length l) 64 then Full w (pack w l) else Rest w (put (fun i => Z.of_nat i * w) l).

Definition unpackBlock (b : block) (n : nat) : list Z :=
  match b with
  | Full w planes => unpack w planes
  | Rest w word => map (get w (fun i => Z.of_nat i * w) word) (seq 0 n)
  end.

Fixpoint packBlocks (narrow : bool) (fuel : nat) (l : list Z) : list block :=
  match fuel, l with
  | S fuel', _ :: _ => packBlock narrow (firstn 64 l) :: packBlocks narrow fuel' (skipn 64 l)
  | _, _ => []
  end.

Fixpoint unpackBlocks (bs : list block) (n : nat) : list Z :=
  match bs with [] => [] | b :: rest => unpackBlock b (Nat.min 64 n) ++ unpackBlocks rest (n - 64) end.

Lemma bitLength_fits v : 0 <= v -> fits (bitLength v) v /\ 0 <= bitLength v.
Proof.
  intros pos. unfold bitLength, fits. destruct (Z.eqb_spec v 0) as [-> | some]; [lia|].
  pose proof (Z.log2_spec v ltac:(lia)). pose proof (Z.log2_nonneg v). rewrite Z.add_1_r. lia.
Qed.

Lemma bitLength_le v bits : 0 <= bits -> fits bits v -> bitLength v <= bits.
Proof.
  intros pos [low high]. unfold bitLength. destruct (Z.eqb_spec v 0); [lia|].
  assert (Z.log2 v < bits) by (apply Z.log2_lt_pow2; lia). lia.
Qed.

Lemma fits_wider a b v : 0 <= a <= b -> fits a v -> fits b v.
Proof. intros wider [low high]. split; [exact low|]. apply Z.lt_le_trans with (1 := high). apply Z.pow_le_mono_r; lia. Qed.

Lemma widest_spec (l : list Z) (bits : Z) : 0 <= bits -> Forall (fits bits) l ->
  0 <= widest l <= bits /\ Forall (fits (widest l)) l.
Proof.
  intros pos. induction 1 as [|v rest here _ [range IH]]; simpl; [split; [lia | constructor]|].
  pose proof (bitLength_le v bits pos here) as le. destruct (bitLength_fits v (proj1 here)) as [fit low].
  fold (widest rest) in *. split; [lia|]. constructor.
  - apply (fits_wider (bitLength v)); [lia | exact fit].
  - eapply Forall_impl; [|exact IH]. intros u. apply fits_wider. lia.
Qed.

Lemma written_spec narrow w bits : 0 <= w <= bits -> (narrow = true -> bits = 16) -> bits <= 32 ->
  w <= written narrow w <= 32.
Proof. intros range small wide. unfold written. destruct narrow; simpl; [|lia]. specialize (small eq_refl). destruct (Z.eqb_spec w 15); lia. Qed.

Lemma block_round_trip (narrow : bool) (bits : Z) (l : list Z) :
  0 <= bits <= 32 -> (narrow = true -> bits = 16) -> Forall (fits bits) l ->
  unpackBlock (packBlock narrow l) (length l) = l.
Proof.
  intros range small fit. destruct (widest_spec l bits ltac:(lia) fit) as [wr wf].
  pose proof (written_spec narrow (widest l) bits wr small ltac:(lia)) as up.
  assert (fit' : Forall (fits (written narrow (widest l))) l)
    by (eapply Forall_impl; [|exact wf]; intros u; apply fits_wider; lia).
  unfold packBlock. destruct (Nat.eqb_spec (length l) 64) as [full | ragged]; simpl.
  - apply unpack_pack; auto. lia.
  - apply unpack_pack_string; [lia | exact fit'].
Qed.

Theorem blocks_round_trip (narrow : bool) (bits : Z) (l : list Z) :
  0 <= bits <= 32 -> (narrow = true -> bits = 16) -> Forall (fits bits) l ->
  unpackBlocks (packBlocks narrow (length l) l) (length l) = l.
Proof.
  intros range small.
  assert (any : forall fuel l, (length l <= fuel)%nat -> Forall (fits bits) l ->
    unpackBlocks (packBlocks narrow fuel l) (length l) = l).
  { induction fuel as [|fuel IH]; intros k enough fit.
    - destruct k; [reflexivity | simpl in enough; lia].
    - destruct k as [|v rest]; [reflexivity|]. set (k := v :: rest) in *.
      change (packBlocks narrow (S fuel) k) with (packBlock narrow (firstn 64 k) :: packBlocks narrow fuel (skipn 64 k)).
      cbn [unpackBlocks]. rewrite <- firstn_length, <- skipn_length.
      rewrite <- (firstn_skipn 64 k) in fit. apply Forall_app in fit. destruct fit as [front back].
      rewrite (block_round_trip narrow bits) by assumption.
      rewrite IH; [apply firstn_skipn | | exact back].
      rewrite skipn_length. unfold k in *. simpl length in *. lia. }
  intros fit. now apply any.
Qed.

(** ** Plans *)

Record plan := Plan { horizontal : bool; vertical : bool; sparse : bool; plain : bool }.

(** plain: no folding, where no integer is negative and nothing is predicted. sparse: zeros go into a bitmap. *)
Definition allowed (p : plan) (q : list Z) : Prop :=
  (plain p = true -> Forall (fun v => 0 <= v) q /\ horizontal p = false /\ vertical p = false) /\
  (sparse p = true -> horizontal p = false /\ vertical p = false).

Record packed := Packed { bitmap : list bool; body : list block }.

Section Integers.
  Variables (bits : Z) (lag : nat).
  Hypothesis some : 1 <= bits <= 32.
  Hypothesis above : (1 <= lag)%nat.

  Definition narrow : bool := bits =? 16.

  Definition fold (p : plan) (v : Z) : Z := if plain p then v else zigzag bits v.
  Definition unfold_ (p : plan) (u : Z) : Z := if plain p then u else unzigzag u.

  Definition nonzero (v : Z) : bool := negb (v =? 0).

  Definition lifted (p : plan) (q : list Z) : list Z :=
    let r := predict bits (guess (horizontal p) (vertical p) lag) [] q in
    if sparse p then map (fun v => fold p v - 1) (filter nonzero r) else map (fold p) r.

  Definition pack_ (p : plan) (q : list Z) : packed :=
    let u := lifted p q in Packed (map nonzero q) (packBlocks narrow (length u) u).

  (** Values take the places of the ones. *)
  Fixpoint scatter (map_ : list bool) (values : list Z) : list Z :=
    match map_, values with
    | true :: rest, v :: values' => v :: scatter rest values'
    | true :: rest, [] => 0 :: scatter rest []
    | false :: rest, _ => 0 :: scatter rest values
    | [], _ => []
    end.

  Definition unpack_ (p : plan) (n : nat) (c : packed) : list Z :=
    let r :=
      if sparse p then
        let u := unpackBlocks (body c) (length (filter (fun b => b) (bitmap c))) in
        scatter (bitmap c) (map (fun v => unfold_ p (v + 1)) u)
      else map (unfold_ p) (unpackBlocks (body c) n) in
    scan bits (horizontal p) (vertical p) lag 0 [] r.

  Lemma scatter_filter (q : list Z) : scatter (map nonzero q) (filter nonzero q) = q.
  Proof.
    induction q as [|v q IH]; simpl; [reflexivity|].
    unfold nonzero at 1 2. destruct (Z.eqb_spec v 0) as [-> | nz]; simpl; now f_equal.
  Qed.

  Lemma count_filter (q : list Z) : length (filter (fun b => b) (map nonzero q)) = length (filter nonzero q).
  Proof. induction q as [|v q IH]; simpl; [reflexivity|]. destruct (nonzero v); simpl; now rewrite IH. Qed.

  (** Without prediction the residual is the value. *)
  Lemma predict_none (q : list Z) : Forall (signed bits) q -> forall past, predict bits (guess false false lag) past q = q.
  Proof.
    induction 1 as [|v q here _ IH]; intros past; [reflexivity|]. cbn [predict]. rewrite IH. f_equal.
    replace (v - guess false false lag past) with v by (unfold guess, left, up, corner; simpl; ring). now apply wrap_id.
  Qed.

  Lemma fold_fits p v : signed bits v -> (plain p = true -> 0 <= v) -> fits bits (fold p v).
  Proof.
    intros here low. unfold fold, fits. rewrite (modulus bits) by lia.
    destruct (plain p).
    - specialize (low eq_refl). unfold signed in here. pose proof (half_pos bits). lia.
    - now destruct (unzigzag_zigzag bits ltac:(lia) v here).
  Qed.

  Lemma unfold_fold p v : signed bits v -> unfold_ p (fold p v) = v.
  Proof. intros here. unfold unfold_, fold. destruct (plain p); [reflexivity|]. now apply (unzigzag_zigzag bits ltac:(lia)). Qed.

  Lemma fold_nonzero p v : signed bits v -> (plain p = true -> 0 <= v) -> v <> 0 -> 1 <= fold p v.
  Proof.
    intros here low nz. destruct (fold_fits p v here low) as [pos _].
    destruct (Z.eq_dec (fold p v) 0) as [zero | other]; [|lia].
    exfalso. apply nz. rewrite <- (unfold_fold p v here), zero. unfold unfold_. now destruct (plain p).
  Qed.

  Lemma narrow_bits : narrow = true -> bits = 16.
  Proof. apply Z.eqb_eq. Qed.

  Theorem integers_round_trip (p : plan) (q : list Z) :
    allowed p q -> Forall (signed bits) q -> unpack_ p (length q) (pack_ p q) = q.
  Proof.
    intros [ok_plain ok_sparse] range. unfold unpack_, pack_, lifted. cbn [bitmap body].
    destruct (sparse p) eqn:S.
    - destruct (ok_sparse eq_refl) as [h v]. rewrite h, v, predict_none by exact range.
      assert (low : plain p = true -> Forall (fun w => 0 <= w) q) by (intros P; now destruct (ok_plain P)).
      set (kept := filter nonzero q).
      assert (each : Forall (fun w => signed bits w /\ (plain p = true -> 0 <= w) /\ w <> 0) kept).
      { apply Forall_forall. intros w here. apply filter_In in here. destruct here as [here nz].
        split; [exact (proj1 (Forall_forall _ _) range w here)|]. split.
        - intros P. apply (proj1 (Forall_forall (fun w => 0 <= w) q) (low P) w here).
        - unfold nonzero in nz. intros ->. discriminate. }
      rewrite count_filter. fold kept.
      replace (length kept) with (length (map (fun w => fold p w - 1) kept)) by apply map_length.
      rewrite (blocks_round_trip narrow bits); [| lia | apply narrow_bits |].
      + rewrite map_map, (map_ext_in _ (fun w => w)), map_id.
        * unfold kept. rewrite scatter_filter. rewrite <- (predict_none q range []) at 1.
          apply scan_predict; auto. lia.
        * intros w here. rewrite Forall_forall in each. destruct (each w here) as [s _].
          replace (fold p w - 1 + 1) with (fold p w) by ring. now apply unfold_fold.
      + apply Forall_forall. intros u here. apply in_map_iff in here. destruct here as [w [<- here]].
        rewrite Forall_forall in each. destruct (each w here) as [s [l nz]].
        destruct (fold_fits p w s l). pose proof (fold_nonzero p w s l nz). unfold fits in *. lia.
    - set (r := predict bits (guess (horizontal p) (vertical p) lag) [] q).
      assert (signed_r : Forall (signed bits) r) by (apply predict_signed; lia).
      assert (low : plain p = true -> Forall (fun w => 0 <= w) r).
      { intros P. destruct (ok_plain P) as [pos [h v]]. unfold r. now rewrite h, v, predict_none. }
      replace (length q) with (length (map (fold p) r)) by (rewrite map_length; apply predict_length).
      rewrite (blocks_round_trip narrow bits); [| lia | apply narrow_bits |].
      + rewrite map_map, (map_ext_in _ (fun w => w)), map_id.
        * unfold r. apply scan_predict; auto. lia.
        * intros w here. apply unfold_fold. exact (proj1 (Forall_forall _ _) signed_r w here).
      + apply Forall_forall. intros u here. apply in_map_iff in here. destruct here as [w [<- here]].
        apply fold_fits; [exact (proj1 (Forall_forall _ _) signed_r w here)|].
        intros P. apply (proj1 (Forall_forall (fun w => 0 <= w) r) (low P) w here).
  Qed.
End Integers.

(** ** Values *)

Section Values.
  Variables (c : quantization) (dither : Z -> f32).

  Definition codes (first : Z) (xs : list f32) : list code :=
    map (fun '(k, x) => encode c (dither (first + Z.of_nat k)) x) (combine (seq 0 (length xs)) xs).

  (** The integer stream, 0 for raw values, and the raw ones beside it with their positions. *)
  Definition integerPart (w : code) : Z := match w with Integer q => q | Raw _ => 0 end.
  Definition escapes (ws : list code) : list (nat * f32) :=
    flat_map (fun '(k, w) => match w with Raw x => [(k, x)] | Integer _ => [] end) (combine (seq 0 (length ws)) ws).

  Definition overwrite (ys : list f32) (e : nat * f32) : list f32 :=
    firstn (fst e) ys ++ match skipn (fst e) ys with [] => [] | _ :: rest => snd e :: rest end.

  Definition rebuild (first : Z) (qs : list Z) (raw : list (nat * f32)) : list f32 :=
    fold_left overwrite raw (map (fun '(k, q) => valueOf c (dither (first + Z.of_nat k)) q) (combine (seq 0 (length qs)) qs)).

  (** Overwriting one after the other gives each raw value its place. *)
  Lemma overwrite_at pre y rest x : overwrite (pre ++ y :: rest) (length pre, x) = pre ++ x :: rest.
  Proof.
    unfold overwrite. simpl. now rewrite firstn_app, skipn_app, firstn_all, skipn_all, Nat.sub_diag, firstn_O, app_nil_r.
  Qed.

  Lemma rebuild_from (first : Z) (ws : list code) : forall pre : list f32,
    fold_left overwrite
      (flat_map (fun '(k, w) => match w with Raw x => [(k, x)] | Integer _ => [] end) (combine (seq (length pre) (length ws)) ws))
      (pre ++ map (fun '(k, q) => valueOf c (dither (first + Z.of_nat k)) q) (combine (seq (length pre) (length ws)) (map integerPart ws)))
    = pre ++ map (fun '(k, w) => decode c (dither (first + Z.of_nat k)) w) (combine (seq (length pre) (length ws)) ws).
  Proof.
    induction ws as [|w ws IH]; intros pre; [reflexivity|].
    cbn [length seq combine map flat_map].
    destruct w as [q | x]; cbn [integerPart decode app fold_left].
    - specialize (IH (pre ++ [valueOf c (dither (first + Z.of_nat (length pre))) q])).
      rewrite app_length, Nat.add_1_r, <- !app_assoc in IH. exact IH.
    - rewrite overwrite_at.
      specialize (IH (pre ++ [x])). rewrite app_length, Nat.add_1_r, <- !app_assoc in IH. exact IH.
  Qed.

  Lemma rebuild_codes (first : Z) (ws : list code) :
    rebuild first (map integerPart ws) (escapes ws)
      = map (fun '(k, w) => decode c (dither (first + Z.of_nat k)) w) (combine (seq 0 (length ws)) ws).
  Proof. unfold rebuild, escapes. rewrite map_length. exact (rebuild_from first ws []). Qed.

  Definition close (x y : f32) : Prop :=
    y = x \/ (finite x = true /\ finite y = true /\ Rabs (toR x - toR y) < toR (bound (side c (lt x zero))))%R.

  Theorem chunk_round_trip (bits : Z) (lag : nat) (p : plan) (first : Z) (xs : list f32) :
    let ws := codes first xs in
    let qs := map integerPart ws in
    1 <= bits <= 32 -> (1 <= lag)%nat -> finiteBounds c -> Forall (signed bits) qs -> allowed p qs ->
    Forall2 close xs (rebuild first (unpack_ bits lag p (length xs) (pack_ bits lag p qs)) (escapes ws)).
  Proof.
    intros ws qs some above bounds range ok.
    assert (same : length xs = length qs).
    { unfold qs, ws, codes. rewrite !map_length, combine_length, seq_length. lia. }
    rewrite same, integers_round_trip by assumption. unfold qs. rewrite rebuild_codes.
    assert (size : length ws = length xs) by (unfold ws, codes; rewrite map_length, combine_length, seq_length; lia).
    rewrite size. unfold ws, codes. clear - bounds. generalize 0%nat.
    induction xs as [|x xs IH]; intros k; simpl; constructor.
    - now apply round_trip.
    - apply IH.
  Qed.
End Values.
