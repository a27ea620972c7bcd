(** * Mask: holes, there and back

    A value that no integer stands for is a hole. The mask tells the decoder where the holes are, and their words. Between the
    values beside it, a hole has the integer that is predicted for it, or one that both sides compute anew from the integers
    known by then; it has no residual and no symbol.

    Main results
    - [runs_back], [mark_back], [edges_back]: the positions come back from runs, and from the runs of the bits that differ
      from the bit above.
    - [repeats_back], [palette_back]: the words come back from repeats, and from indices into a palette.
    - [bridge_back]: every integer beside holes comes back, whatever is predicted, and whatever holes are filled with.
    - [mask_round_trip]: so every value comes back with its own bits or strictly within the bound of its side.
    - [hole_still]: with all of the slots, a step of the entropy coder changes no state and writes no word.
    What is not here: the bytes of counts and lengths (plain serialisation; tested). The bits of indices are those of
    [Pack.unpack_pack_string].

    models src/codec/stages/mask.ts:writeMask src/codec/stages/mask.ts:readMask *)

From Coq Require Import ZArith Reals List Bool Lia.
From Flocq Require Import Core Binary Bits.
From Comet Require Import Bound Binary32 Quantize Predict Pipeline.
From Comet Require Rans.
Import ListNotations.
Open Scope Z_scope.

(** ** Positions *)

(** Runs of ones: the zeros before each, and its length. [gap] and [size] count what has been met of the next run. *)
Fixpoint runsFrom (gap size : nat) (bits : list bool) : list (nat * nat) :=
  match bits, size with
  | [], O => []
  | [], S _ => [(gap, size)]
  | true :: rest, _ => runsFrom gap (S size) rest
  | false :: rest, O => runsFrom (S gap) O rest
  | false :: rest, S _ => (gap, size) :: runsFrom 1 O rest
  end.

Definition runs : list bool -> list (nat * nat) := runsFrom 0 0.

Definition unruns (rs : list (nat * nat)) : list bool :=
  flat_map (fun '(gap, size) => repeat false gap ++ repeat true size) rs.

(** The decoder's bits are zeros behind the last run. *)
Definition readRuns (n : nat) (rs : list (nat * nat)) : list bool :=
  unruns rs ++ repeat false (n - length (unruns rs)).

Lemma repeat_more {A} (a : A) (n : nat) (l : list A) : repeat a n ++ a :: l = repeat a (S n) ++ l.
Proof. induction n as [|n IH]; [reflexivity|]. cbn [repeat app] in *. now rewrite IH. Qed.

Lemma runs_from (bits : list bool) : forall gap size, exists k,
  unruns (runsFrom gap size bits) ++ repeat false k = repeat false gap ++ repeat true size ++ bits.
Proof.
  induction bits as [|b rest IH]; intros gap size.
  - destruct size as [|size]; cbn [runsFrom unruns flat_map].
    + exists gap. cbn [repeat app]. now rewrite app_nil_r.
    + exists 0%nat. cbn [repeat]. now rewrite !app_nil_r.
  - destruct b; cbn [runsFrom].
    + destruct (IH gap (S size)) as [k same]. exists k. rewrite same. now rewrite repeat_more.
    + destruct size as [|size].
      * destruct (IH (S gap) O) as [k same]. exists k. rewrite same. cbn [repeat app]. now rewrite repeat_more.
      * destruct (IH 1%nat O) as [k same]. exists k. unfold unruns in *. cbn [flat_map].
        rewrite <- !app_assoc, same. reflexivity.
Qed.

Theorem runs_back (bits : list bool) : readRuns (length bits) (runs bits) = bits.
Proof.
  destruct (runs_from bits O O) as [k same]. cbn [repeat app] in same. unfold readRuns, runs.
  assert (size : (length (unruns (runsFrom 0 0 bits)) + k = length bits)%nat)
    by (rewrite <- same at 2; now rewrite app_length, repeat_length).
  replace (length bits - length (unruns (runsFrom 0 0 bits)))%nat with k by lia. exact same.
Qed.

(** A run's first number has a lowest bit that says whether a second one follows: the length less 2. *)
Definition mark (gap size : Z) : Z := 2 * gap + (if 1 <? size then 1 else 0).
Definition unmark (m rest : Z) : Z * Z := (m / 2, if m mod 2 =? 1 then rest + 2 else 1).

Theorem mark_back (gap size : Z) : 0 <= gap -> 1 <= size -> unmark (mark gap size) (size - 2) = (gap, size).
Proof.
  intros pos some. unfold unmark, mark. rewrite Z.mul_comm.
  destruct (Z.ltb_spec 1 size) as [more | one].
  - rewrite Z.div_add_l, (Z.add_comm (gap * 2)), Z.mod_add by lia. cbn. f_equal; lia.
  - rewrite Z.div_add_l, (Z.add_comm (gap * 2)), Z.mod_add by lia. cbn. f_equal; lia.
Qed.

(** Bits that differ from the bit [lag] places before; bits before the first count as zeros. *)
Section Edges.
  Variable lag : nat.
  Definition above (past : list bool) : bool := nth (lag - 1) past false.

  Fixpoint edges (past bits : list bool) : list bool :=
    match bits with [] => [] | b :: rest => xorb b (above past) :: edges (b :: past) rest end.

  Fixpoint unedge (past changes : list bool) : list bool :=
    match changes with
    | [] => []
    | e :: rest => let b := xorb e (above past) in b :: unedge (b :: past) rest
    end.

  Theorem edges_back (bits : list bool) : forall past, unedge past (edges past bits) = bits.
  Proof.
    induction bits as [|b rest IH]; intros past; [reflexivity|]. cbn [edges unedge].
    rewrite xorb_assoc, xorb_nilpotent, xorb_false_r. f_equal. apply IH.
  Qed.
End Edges.

(** ** Words *)

Fixpoint repeats (words : list Z) : list (Z * nat) :=
  match words with
  | [] => []
  | w :: rest =>
      match repeats rest with
      | (v, n) :: more => if w =? v then (v, S n) :: more else (w, 1%nat) :: (v, n) :: more
      | [] => [(w, 1%nat)]
      end
  end.

Theorem repeats_back (words : list Z) : flat_map (fun '(w, n) => repeat w n) (repeats words) = words.
Proof.
  induction words as [|w rest IH]; [reflexivity|]. cbn [repeats].
  destruct (repeats rest) as [|[v n] more]; [now rewrite <- IH|].
  destruct (Z.eqb_spec w v) as [-> | other]; cbn [flat_map repeat app] in *; now rewrite IH.
Qed.

Fixpoint indexOf (w : Z) (palette : list Z) : nat :=
  match palette with [] => O | v :: rest => if w =? v then O else S (indexOf w rest) end.

Theorem palette_back (palette words : list Z) : Forall (fun w => In w palette) words ->
  map (fun k => nth k palette 0) (map (fun w => indexOf w palette) words) = words.
Proof.
  intros known. rewrite map_map. induction known as [|w rest here _ IH]; [reflexivity|]. cbn [map]. rewrite IH. f_equal.
  clear IH rest. induction palette as [|v more IH]; [contradiction|]. cbn [indexOf].
  destruct (Z.eqb_spec w v) as [-> | other]; [reflexivity|].
  cbn [nth]. apply IH. destruct here as [<- | here]; [contradiction | exact here].
Qed.

(** ** Integers beside holes

    What both sides know is any state: it predicts, and it goes on with an integer and with whether that is a hole's. *)

Section Bridge.
  Variables (bits : Z) (known : Type) (guess : known -> Z) (next : known -> bool -> Z -> known).
  Hypothesis some : 1 <= bits.

  Fixpoint bridge (s : known) (integers : list (option Z)) : list Z :=
    match integers with
    | [] => []
    | Some q :: rest => wrap bits (q - guess s) :: bridge (next s false q) rest
    | None :: rest => bridge (next s true (guess s)) rest
    end.

  Fixpoint unbridge (s : known) (holes : list bool) (residuals : list Z) : list Z :=
    match holes with
    | [] => []
    | true :: rest => guess s :: unbridge (next s true (guess s)) rest residuals
    | false :: rest =>
        match residuals with
        | r :: more => let q := wrap bits (r + guess s) in q :: unbridge (next s false q) rest more
        | [] => []
        end
    end.

  Definition isHole (q : option Z) : bool := match q with Some _ => false | None => true end.
  Definition stands (w : option Z) (q : Z) : Prop := match w with Some v => q = v | None => True end.
  Definition inRange (w : option Z) : Prop := match w with Some q => signed bits q | None => True end.

  Theorem bridge_back (integers : list (option Z)) : Forall inRange integers ->
    forall s, Forall2 stands integers (unbridge s (map isHole integers) (bridge s integers)).
  Proof.
    induction 1 as [|[q|] rest here _ IH]; intros s; cbn [bridge map isHole unbridge]; [constructor| |].
    - rewrite wrap_add_l. replace (q - guess s + guess s) with q by ring.
      rewrite (wrap_id bits q here). constructor; [reflexivity | apply IH].
    - constructor; [exact I | apply IH].
  Qed.

  (** There are as many residuals as integers that are no holes. *)
  Lemma bridge_length (integers : list (option Z)) : forall s,
    length (bridge s integers) = length (filter (fun q => negb (isHole q)) integers).
  Proof. induction integers as [|[q|] rest IH]; intros s; cbn; auto. Qed.
End Bridge.

(** ** Values *)

Section Values.
  Variables (c : quantization) (dither : Z -> f32).

  Definition integerOrHole (w : code) : option Z := match w with Integer q => Some q | Raw _ => None end.
  Definition wordsOf (ws : list code) : list f32 :=
    flat_map (fun w => match w with Raw x => [x] | Integer _ => [] end) ws.

  (** Puts the words of the holes in place of their values. *)
  Fixpoint placeHoles (holes : list bool) (words values : list f32) : list f32 :=
    match holes, values with
    | true :: rest, _ :: values' =>
        match words with w :: words' => w :: placeHoles rest words' values' | [] => values end
    | false :: rest, v :: values' => v :: placeHoles rest words values'
    | _, _ => []
    end.

  Definition valuesFrom (first : Z) (k : nat) (qs : list Z) : list f32 :=
    map (fun '(i, q) => valueOf c (dither (first + Z.of_nat i)) q) (combine (seq k (length qs)) qs).

  Definition codesFrom (first : Z) (k : nat) (xs : list f32) : list code :=
    map (fun '(i, x) => encode c (dither (first + Z.of_nat i)) x) (combine (seq k (length xs)) xs).

  Theorem mask_round_trip (bits : Z) (known : Type) (guess : known -> Z) (next : known -> bool -> Z -> known)
      (s : known) (first : Z) (xs : list f32) :
    let integers := map integerOrHole (codes c dither first xs) in
    let holes := map isHole integers in
    1 <= bits -> finiteBounds c -> Forall (inRange bits) integers ->
    Forall2 (close c) xs
      (placeHoles holes (wordsOf (codes c dither first xs))
        (valuesFrom first 0 (unbridge bits known guess next s holes (bridge bits known guess next s integers)))).
  Proof.
    intros integers holes some bounds range. subst integers holes.
    change (codes c dither first xs) with (codesFrom first 0 xs) in *.
    revert s range. generalize 0%nat.
    induction xs as [|x xs IH]; intros k s range; [constructor|].
    unfold codesFrom in *. cbn [length seq combine map] in *.
    pose proof (round_trip c (dither (first + Z.of_nat k)) x bounds) as here.
    inversion range as [|w ws head tail]; subst.
    destruct (encode c (dither (first + Z.of_nat k)) x) as [q | raw];
      cbn [integerOrHole isHole bridge unbridge wordsOf flat_map app decode] in *.
    - rewrite wrap_add_l. replace (q - guess s + guess s) with q by ring.
      rewrite (wrap_id bits q head).
      unfold valuesFrom. cbn [length seq combine map placeHoles]. constructor; [exact here|].
      apply (IH (S k)). exact tail.
    - unfold valuesFrom. cbn [length seq combine map placeHoles]. constructor; [exact here|].
      apply (IH (S k)). exact tail.
  Qed.
End Values.

(** ** The entropy coder passes holes by

    models src/codec/stages/rans.ts:encodeSymbols *)

Theorem hole_still (x : Z) : Rans.state x ->
  Rans.give Rans.total x = (x, []) /\ Rans.push Rans.total 0 x = x /\ Rans.pull Rans.total 0 x = x.
Proof.
  intros [bottom top]. unfold Rans.give, Rans.push, Rans.pull, Rans.total in *.
  destruct (Z.geb_spec x (2 ^ 11 * 2 ^ 21)) as [large | small]; [lia|].
  pose proof (Z.div_mod x (2 ^ 11) ltac:(lia)). repeat split; lia.
Qed.
