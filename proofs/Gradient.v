(** * Gradient: how an error in a saved activation reaches the weight gradient

    A convolution's or linear layer's weight gradient is a sum of products delta_i x_i over the positions i that the
    weight visits. The backward pass has x + e in place of x, with |e_i| <= eb and e_i = 0 where x_i = 0. So the gradient
    is off by sum delta_i e_i: at worst eb times the sum of |delta|, and, for errors that are zero-mean and uncorrelated,
    with variance Var(e) times the sum of delta^2. Nothing needs to be normal, small or independent for that.

    Random variables are functions on any space W; the mean E is any linear functional on them. Index sets are lists.

    Main results
    - [gradient_error]: the gradient's error is the sum of delta_i e_i.
    - [gradient_bound], [gradient_bound_tight]: the worst case, over the non-zero inputs only, and an error that attains it
      and keeps the zeros.
    - [gradient_mean], [gradient_variance]: mean 0 and variance sum Var(e_i) delta_i^2, from zero-mean uncorrelated errors.
    - [convolution_positions]: no weight of a convolution reads an input twice: distinct (n, p, q) read distinct places.
    - [convolution_variance]: hence sigma^2 = v * sum of delta^2 over the outputs whose input is not zero.        (2)
    - [energy_mean]: its mean over a channel's weights needs one pass: delta^2 times the share of non-zeros in its window. (3)
    - [law_bound]: the bound from the accepted sigma solves that law.                                           (5)
    - [cauchy], [paper_constant]: if sigma = a L sqrt(N R) eb with L the mean of |delta|, then a^2 >= H W / 3. So no
      constant fits all image sizes, and a = 0.32 fits none.
    - [relu_exact]: a gate that looks only at which values are zero passes the exact gradient.
    - [elementwise_bound]: an elementwise op with an L-Lipschitz derivative: at most L eb |delta|.
    - [batchnorm_gamma], [batchnorm_error]: what batch normalisation does to an error in its saved tensor.
    - [batchnorm_variance], [batchnorm_energy]: so much noise travels upstream of it.                              (8)
    - [batchnorm_linear], [signs_variance]: a backward pass is linear in delta, so an error in delta passes on by that very
      pass; and deviations with random signs in place of errors reach a gradient with the errors' variance.
    - [momentum_variance], [momentum_signal], [momentum_gain]: momentum sums independent noise to v / (1 - b^2) and a steady
      gradient to g / (1 - b): relative noise falls by sqrt((1 + b) / (1 - b)), 4.36 at b = 0.9. A bias does not fall. *)

From Coq Require Import Reals List ZArith Lra Lia.
Import ListNotations.
Open Scope R_scope.

(** ** Finite sums *)

Section Sums.
  Context {I : Type}.

  Fixpoint sum (l : list I) (f : I -> R) : R := match l with [] => 0 | i :: rest => f i + sum rest f end.

  Lemma sum_ext l f g : (forall i, In i l -> f i = g i) -> sum l f = sum l g.
  Proof. induction l as [|i l IH]; simpl; intros same; [reflexivity|]. rewrite (same i) by auto. f_equal. auto. Qed.

  Lemma sum_plus l f g : sum l (fun i => f i + g i) = sum l f + sum l g.
  Proof. induction l; simpl; lra. Qed.

  Lemma sum_minus l f g : sum l (fun i => f i - g i) = sum l f - sum l g.
  Proof. induction l; simpl; lra. Qed.

  Lemma sum_scale l c f : sum l (fun i => c * f i) = c * sum l f.
  Proof. induction l as [|i l IH]; simpl; [ring|]. rewrite IH. ring. Qed.

  Lemma sum_le l f g : (forall i, In i l -> f i <= g i) -> sum l f <= sum l g.
  Proof.
    induction l as [|i l IH]; simpl; intros le; [lra|].
    assert (f i <= g i) by auto. assert (sum l f <= sum l g) by auto. lra.
  Qed.

  Lemma sum_nonneg l f : (forall i, In i l -> 0 <= f i) -> 0 <= sum l f.
  Proof. intros pos. replace 0 with (sum l (fun _ => 0)); [now apply sum_le|]. clear. induction l; simpl; lra. Qed.

  Lemma sum_abs l f : Rabs (sum l f) <= sum l (fun i => Rabs (f i)).
  Proof.
    induction l as [|i l IH]; simpl; [rewrite Rabs_R0; lra|].
    apply Rle_trans with (1 := Rabs_triang _ _). lra.
  Qed.

  Lemma sum_const l c : sum l (fun _ => c) = INR (length l) * c.
  Proof.
    induction l as [|i l IH]; [simpl; ring|].
    change (length (i :: l)) with (S (length l)). cbn [sum]. rewrite IH, S_INR. ring.
  Qed.

  Lemma sum_zero l f : (forall i, In i l -> f i = 0) -> sum l f = 0.
  Proof. induction l as [|i l IH]; simpl; intros null; [reflexivity|]. rewrite null, IH; auto. ring. Qed.
End Sums.

Lemma sum_swap {I J : Type} (l : list I) (m : list J) (f : I -> J -> R) :
  sum l (fun i => sum m (f i)) = sum m (fun j => sum l (fun i => f i j)).
Proof.
  induction l as [|i l IH]; simpl; [symmetry; now apply sum_zero|]. now rewrite IH, sum_plus.
Qed.

(** 1 where x is not zero, else 0. *)
Definition support (x : R) : R := if Req_EM_T x 0 then 0 else 1.

(** ** The worst case

    models src/noise/conv.ts:conv2dNoise src/noise/conv.ts:linearNoise *)

Section WorstCase.
  Context {I : Type}.
  Variables (l : list I) (x delta : I -> R) (eb : R).

  Theorem gradient_error (y : I -> R) :
    sum l (fun i => delta i * y i) - sum l (fun i => delta i * x i) = sum l (fun i => delta i * (y i - x i)).
  Proof. rewrite <- sum_minus. apply sum_ext. intros. ring. Qed.

  Definition keeps (y : I -> R) : Prop :=
    forall i, In i l -> Rabs (y i - x i) <= eb /\ (x i = 0 -> y i = 0).

  Theorem gradient_bound (y : I -> R) : keeps y ->
    Rabs (sum l (fun i => delta i * y i) - sum l (fun i => delta i * x i))
      <= eb * sum l (fun i => support (x i) * Rabs (delta i)).
  Proof.
    intros kept. rewrite gradient_error, <- sum_scale.
    apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros i here.
    destruct (kept i here) as [close zero]. rewrite Rabs_mult. unfold support.
    destruct (Req_EM_T (x i) 0) as [null | some].
    - rewrite (zero null), null, Rminus_0_r, Rabs_R0. lra.
    - pose proof (Rabs_pos (delta i)). nra.
  Qed.

  Theorem gradient_bound_tight : 0 <= eb -> exists y, keeps y /\
    sum l (fun i => delta i * y i) - sum l (fun i => delta i * x i) = eb * sum l (fun i => support (x i) * Rabs (delta i)).
  Proof.
    intros pos.
    exists (fun i => x i + support (x i) * (if Rle_dec 0 (delta i) then eb else - eb)). split.
    - intros i _. split.
      + replace (x i + _ - x i) with (support (x i) * (if Rle_dec 0 (delta i) then eb else - eb)) by ring.
        unfold support. destruct (Req_EM_T (x i) 0), (Rle_dec 0 (delta i)); apply Rabs_le; lra.
      + intros null. unfold support. destruct (Req_EM_T (x i) 0); [lra | contradiction].
    - rewrite gradient_error, <- sum_scale. apply sum_ext. intros i _.
      destruct (Rle_dec 0 (delta i)); [rewrite Rabs_pos_eq by lra | rewrite Rabs_left by lra]; ring.
  Qed.
End WorstCase.

(** ** In the mean *)

Section Mean.
  Variable W : Type.
  Variable E : (W -> R) -> R.
  Hypothesis E_ext : forall f g, (forall w, f w = g w) -> E f = E g.
  Hypothesis E_plus : forall f g, E (fun w => f w + g w) = E f + E g.
  Hypothesis E_scale : forall c f, E (fun w => c * f w) = c * E f.

  Lemma E_zero : E (fun _ => 0) = 0.
  Proof. rewrite (E_ext _ (fun w => 0 * 0)) by (intros; ring). rewrite E_scale. ring. Qed.

  Lemma E_sum {I : Type} (l : list I) (f : I -> W -> R) : E (fun w => sum l (fun i => f i w)) = sum l (fun i => E (f i)).
  Proof. induction l as [|i l IH]; simpl; [apply E_zero|]. now rewrite E_plus, IH. Qed.

  Section Errors.
    Context {I : Type}.
    Variables (e : I -> W -> R) (variance : I -> R).
    Hypothesis centred : forall i, E (e i) = 0.
    Hypothesis spread : forall i, E (fun w => e i w * e i w) = variance i.
    Hypothesis uncorrelated : forall i j, i <> j -> E (fun w => e i w * e j w) = 0.

    Theorem gradient_mean (l : list I) (delta : I -> R) : E (fun w => sum l (fun i => delta i * e i w)) = 0.
    Proof.
      rewrite E_sum. apply sum_zero. intros i _. rewrite E_scale, centred. ring.
    Qed.

    Theorem gradient_variance (l : list I) (delta : I -> R) : NoDup l ->
      E (fun w => sum l (fun i => delta i * e i w) * sum l (fun i => delta i * e i w))
        = sum l (fun i => variance i * (delta i * delta i)).
    Proof.
      induction 1 as [|i l fresh _ IH]; simpl.
      - rewrite (E_ext _ (fun _ => 0)) by (intros; ring). apply E_zero.
      - set (S := fun w => sum l (fun j => delta j * e j w)).
        rewrite (E_ext _ (fun w => (delta i * delta i) * (e i w * e i w) + (2 * delta i * (e i w * S w) + S w * S w)))
          by (intros; unfold S; ring).
        rewrite !E_plus, !E_scale, spread. unfold S at 2 3. rewrite IH.
        rewrite (E_ext (fun w => e i w * S w) (fun w => sum l (fun j => delta j * (e i w * e j w)))).
        + rewrite E_sum, sum_zero; [ring|].
          intros j there. rewrite E_scale, uncorrelated; [ring|]. intros ->. contradiction.
        + intros w. unfold S. rewrite <- sum_scale. apply sum_ext. intros. ring.
    Qed.

    Lemma correlation (l : list I) (delta : I -> R) (i : I) : NoDup l -> In i l ->
      E (fun w => e i w * sum l (fun j => delta j * e j w)) = delta i * variance i.
    Proof.
      intros distinct here.
      rewrite (E_ext _ (fun w => sum l (fun j => delta j * (e i w * e j w))))
        by (intros; rewrite <- sum_scale; apply sum_ext; intros; ring).
      rewrite E_sum. induction distinct as [|j l fresh _ IH]; [contradiction|].
      simpl. rewrite E_scale. destruct here as [-> | there].
      - rewrite spread, sum_zero; [ring|]. intros k there. rewrite E_scale, uncorrelated; [ring|]. intros ->. contradiction.
      - rewrite uncorrelated by (intros ->; contradiction). rewrite IH by exact there. ring.
    Qed.

    (** ** Batch normalisation's input gradient, to first order in the errors

        models src/comet/law.ts:upstreamVariance. G is gamma's gradient; [batchnorm_error] has the factor g/M. *)

    Theorem batchnorm_variance (l : list I) (delta x : I -> R) (G : R) (i : I) : NoDup l -> In i l ->
      E (fun w => (e i w * G + x i * sum l (fun j => delta j * e j w))
                * (e i w * G + x i * sum l (fun j => delta j * e j w)))
        = G * G * variance i + 2 * G * (x i * delta i) * variance i
          + x i * x i * sum l (fun j => variance j * (delta j * delta j)).
    Proof.
      intros distinct here. set (D := fun w => sum l (fun j => delta j * e j w)).
      rewrite (E_ext _ (fun w => (G * G) * (e i w * e i w)
        + ((2 * G * x i) * (e i w * D w) + (x i * x i) * (D w * D w)))) by (intros; unfold D; ring).
      rewrite !E_plus, !E_scale, spread. unfold D at 1 2 3.
      rewrite correlation, gradient_variance by assumption. ring.
    Qed.

    (** Summed over a channel whose normalised input has sum of squares M. *)
    Theorem batchnorm_energy (l : list I) (delta x : I -> R) (G M v : R) : NoDup l ->
      (forall i, variance i = v) -> sum l (fun i => x i * x i) = M -> sum l (fun i => delta i * x i) = G ->
      sum l (fun i => E (fun w => (e i w * G + x i * sum l (fun j => delta j * e j w))
                              * (e i w * G + x i * sum l (fun j => delta j * e j w))))
        = v * (G * G * (INR (length l) + 2) + M * sum l (fun j => delta j * delta j)).
    Proof.
      intros distinct alike squares gamma.
      rewrite (sum_ext l _ (fun i => G * G * v + (2 * G * v) * (delta i * x i)
        + (v * sum l (fun j => delta j * delta j)) * (x i * x i))).
      - rewrite !sum_plus, sum_const, !sum_scale, squares, gamma. ring.
      - intros i here. rewrite batchnorm_variance by assumption. rewrite alike.
        rewrite (sum_ext l (fun j => variance j * (delta j * delta j)) (fun j => v * (delta j * delta j)))
          by (intros; now rewrite alike).
        rewrite sum_scale. ring.
    Qed.

    (** ** A weight that visits position [pos j] for output j

        models src/comet/law.ts:gradientSigma *)

    Theorem convolution_variance {J : Type} (outputs : list J) (pos : J -> I) (delta : J -> R) (x : I -> R) (v : R) :
      NoDup outputs ->
      (forall a b, In a outputs -> In b outputs -> pos a = pos b -> a = b) ->
      (forall i, variance i = support (x i) * v) ->
      E (fun w => sum outputs (fun j => delta j * e (pos j) w) * sum outputs (fun j => delta j * e (pos j) w))
        = v * sum outputs (fun j => support (x (pos j)) * (delta j * delta j)).
    Proof.
      intros distinct injective kept. rewrite <- sum_scale.
      induction distinct as [|j l fresh _ IH]; simpl.
      - rewrite (E_ext _ (fun _ => 0)) by (intros; ring). apply E_zero.
      - set (S := fun w => sum l (fun k => delta k * e (pos k) w)).
        rewrite (E_ext _ (fun w => (delta j * delta j) * (e (pos j) w * e (pos j) w)
          + (2 * delta j * (e (pos j) w * S w) + S w * S w))) by (intros; unfold S; ring).
        rewrite !E_plus, !E_scale, spread, kept.
        unfold S at 2 3. rewrite IH by (intros; apply injective; simpl; auto).
        rewrite (E_ext (fun w => e (pos j) w * S w) (fun w => sum l (fun k => delta k * (e (pos j) w * e (pos k) w)))).
        + rewrite E_sum, sum_zero; [ring|].
          intros k there. rewrite E_scale, uncorrelated; [ring|].
          intros same. apply fresh. rewrite (injective j k); simpl; auto.
        + intros w. unfold S. rewrite <- sum_scale. apply sum_ext. intros. ring.
    Qed.
  End Errors.

  (** ** What arrives from above, drawn: each error is replaced by its deviation with a random sign

      models src/comet/prediction.ts:ErrorTrace. a i is what one error amounts to in some gradient further down. *)

  Theorem signs_variance {I : Type} (e r : I -> W -> R) (deviation a : I -> R) (l : list I) : NoDup l ->
    (forall i, E (fun w => e i w * e i w) = deviation i * deviation i) ->
    (forall i j, i <> j -> E (fun w => e i w * e j w) = 0) ->
    (forall i, E (fun w => r i w * r i w) = 1) ->
    (forall i j, i <> j -> E (fun w => r i w * r j w) = 0) ->
    E (fun w => sum l (fun i => a i * deviation i * r i w) * sum l (fun i => a i * deviation i * r i w))
      = E (fun w => sum l (fun i => a i * e i w) * sum l (fun i => a i * e i w)).
  Proof.
    intros distinct spread apart one signs.
    rewrite (gradient_variance r (fun _ => 1) one signs) by assumption.
    rewrite (gradient_variance e (fun i => deviation i * deviation i) spread apart) by assumption.
    apply sum_ext. intros. ring.
  Qed.

  (** ** Momentum: m = b m + g, from 0, after T steps: the sum of b^t g_t, newest first

      models src/kernels/reference/sgd.ts:sgd *)

  Section Momentum.
    Variable b : R.
    Hypothesis decays : 0 <= b < 1.

    Definition steps (T : nat) : list nat := seq 0 T.

    Lemma sum_last (T : nat) (f : nat -> R) : sum (steps (S T)) f = sum (steps T) f + f T.
    Proof.
      unfold steps. rewrite seq_S. simpl. induction (seq 0 T) as [|t l IH]; simpl; [ring|]. rewrite IH. ring.
    Qed.

    Lemma geometric (r : R) (T : nat) : r <> 1 -> sum (steps T) (fun t => r ^ t) = (1 - r ^ T) / (1 - r).
    Proof.
      intros ne. induction T as [|T IH]; [unfold steps; simpl; field; lra|]. rewrite sum_last, IH. simpl. field. lra.
    Qed.

    Theorem momentum_signal (g : R) (T : nat) : sum (steps T) (fun t => b ^ t * g) = g * ((1 - b ^ T) / (1 - b)).
    Proof.
      rewrite (sum_ext _ _ (fun t => g * b ^ t)) by (intros; ring). rewrite sum_scale, geometric; [reflexivity | lra].
    Qed.

    Theorem momentum_variance (noise : nat -> W -> R) (v : R) (T : nat) :
      (forall t, E (fun w => noise t w * noise t w) = v) ->
      (forall s t, s <> t -> E (fun w => noise s w * noise t w) = 0) ->
      E (fun w => sum (steps T) (fun t => b ^ t * noise t w) * sum (steps T) (fun t => b ^ t * noise t w))
        = v * ((1 - (b * b) ^ T) / (1 - b * b)).
    Proof.
      intros square apart.
      rewrite (gradient_variance noise (fun _ => v) square apart) by apply seq_NoDup.
      rewrite (sum_ext _ _ (fun t => v * (b * b) ^ t)) by (intros t _; rewrite Rpow_mult_distr; ring).
      rewrite sum_scale, geometric; [reflexivity|]. nra.
    Qed.
  End Momentum.
End Mean.

(** Noise over signal, squared, after many steps, compared with one step's. *)
Theorem momentum_gain (b v g : R) : 0 <= b < 1 -> g <> 0 ->
  (v / (1 - b * b)) / ((g / (1 - b)) * (g / (1 - b))) = (v / (g * g)) * ((1 - b) / (1 + b)).
Proof. intros. field. repeat split; nra || lra. Qed.

(** ** Where a convolution reads

    models src/kernels/reference/conv2d.ts:conv2dWeightGradient. Weight (c, r, s) meets output (n, p, q) at input
    (n, c, p stride + r - padding, q stride + s - padding). *)

Open Scope Z_scope.

Definition reads (stride padding c r s : Z) (output : Z * Z * Z) : Z * Z * Z * Z :=
  let '(n, p, q) := output in (n, c, p * stride + r - padding, q * stride + s - padding).

Theorem convolution_positions (stride padding c r s : Z) (a b : Z * Z * Z) :
  1 <= stride -> reads stride padding c r s a = reads stride padding c r s b -> a = b.
Proof.
  intros far. destruct a as [[n p] q], b as [[n' p'] q']. unfold reads. intros same.
  injection same as same_n same_p same_q. assert (p = p') by nia. assert (q = q') by nia. congruence.
Qed.

Open Scope R_scope.

(** ** One reduction for all weights of a channel

    models src/kernels/reference/conv2d.ts:conv2dNoiseEnergy *)

Theorem energy_mean {J V : Type} (outputs : list J) (weights : list V) (delta : J -> R) (x : V -> J -> R) :
  weights <> [] ->
  sum weights (fun w => sum outputs (fun j => support (x w j) * (delta j * delta j))) / INR (length weights)
    = sum outputs (fun j => delta j * delta j * (sum weights (fun w => support (x w j)) / INR (length weights))).
Proof.
  intros some. rewrite sum_swap. unfold Rdiv. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros j _.
  rewrite (sum_ext weights _ (fun w => (delta j * delta j) * support (x w j))) by (intros; ring).
  rewrite sum_scale. ring.
Qed.

(** models src/comet/law.ts:lawBound: eb = sqrt 3 * sigma / sqrt(energy). *)
Theorem law_bound (sigma energy : R) : 0 < energy ->
  let eb := sqrt 3 * sigma / sqrt energy in eb * eb / 3 * energy = sigma * sigma.
Proof.
  intros pos eb. unfold eb.
  assert (0 < sqrt energy) by now apply sqrt_lt_R0.
  replace (sqrt 3 * sigma / sqrt energy * (sqrt 3 * sigma / sqrt energy))
    with ((sqrt 3 * sqrt 3) * (sigma * sigma) / (sqrt energy * sqrt energy)) by (field; lra).
  rewrite !sqrt_sqrt by lra. field. lra.
Qed.

(** ** The paper's form

    models src/comet/law.ts:paperSigma *)

Theorem cauchy {I : Type} (l : list I) (f : I -> R) :
  sum l f * sum l f <= INR (length l) * sum l (fun i => f i * f i).
Proof.
  induction l as [|i l IH]; [simpl; lra|].
  change (length (i :: l)) with (S (length l)). rewrite S_INR. cbn [sum].
  set (n := INR (length l)) in *. set (S := sum l f) in *. set (Q := sum l (fun j => f j * f j)) in *.
  assert (n_pos : 0 <= n) by apply pos_INR.
  assert (Q_pos : 0 <= Q) by (apply sum_nonneg; intros; nra).
  assert (cross : 2 * f i * S <= n * (f i * f i) + Q).
  { destruct (Req_EM_T n 0) as [none | some].
    - rewrite none in *. assert (S = 0) by nra. nra.
    - apply Rmult_le_reg_l with n; [lra|].
      pose proof (Rle_0_sqr (n * f i - S)) as square. unfold Rsqr in square. nra. }
  nra.
Qed.

(** outputs: the N H W positions of one output channel; L: the mean of |delta| over them. *)
Theorem paper_constant {J : Type} (outputs : list J) (delta : J -> R) (N HW L R0 eb a : R) :
  0 < N -> 0 < HW -> INR (length outputs) = N * HW ->
  L = sum outputs (fun j => Rabs (delta j)) / (N * HW) -> 0 < L -> 0 < R0 -> 0 < eb ->
  (a * L * sqrt (N * R0) * eb) * (a * L * sqrt (N * R0) * eb)
    = eb * eb / 3 * (R0 * sum outputs (fun j => delta j * delta j)) ->
  HW / 3 <= a * a.
Proof.
  intros posN posHW size mean posL posR posE equal.
  assert (sq : sqrt (N * R0) * sqrt (N * R0) = N * R0) by (apply sqrt_sqrt; nra).
  set (Q := sum outputs (fun j => delta j * delta j)) in *.
  assert (form : a * a * (L * L) * N = Q / 3).
  { assert (0 < R0 * (eb * eb)) by (repeat apply Rmult_lt_0_compat; assumption).
    apply Rmult_eq_reg_r with (R0 * (eb * eb)); [|lra].
    transitivity ((a * L * sqrt (N * R0) * eb) * (a * L * sqrt (N * R0) * eb)); [|rewrite equal; field].
    replace ((a * L * sqrt (N * R0) * eb) * (a * L * sqrt (N * R0) * eb))
      with (a * a * (L * L) * (eb * eb) * (sqrt (N * R0) * sqrt (N * R0))) by ring.
    rewrite sq. ring. }
  pose proof (cauchy outputs (fun j => Rabs (delta j))) as cs. rewrite size in cs.
  rewrite (sum_ext outputs (fun j => Rabs (delta j) * Rabs (delta j)) (fun j => delta j * delta j)) in cs
    by (intros; rewrite <- Rabs_mult; apply Rabs_pos_eq; nra).
  fold Q in cs.
  assert (total : sum outputs (fun j => Rabs (delta j)) = L * (N * HW)) by (rewrite mean; field; lra).
  rewrite total in cs.
  assert (N * HW * (L * L) <= Q).
  { apply Rmult_le_reg_l with (N * HW); [now apply Rmult_lt_0_compat|].
    replace (N * HW * (N * HW * (L * L))) with (L * (N * HW) * (L * (N * HW))) by ring. exact cs. }
  assert (0 < N * (L * L)) by (repeat apply Rmult_lt_0_compat; assumption).
  apply Rmult_le_reg_r with (N * (L * L)); [assumption|].
  replace (a * a * (N * (L * L))) with (a * a * (L * L) * N) by ring. rewrite form. lra.
Qed.

(** ** Elementwise sites

    models src/ops/pointwise.ts:reluOp: the gate looks at the support of the saved output only. *)

Theorem relu_exact (y yh delta : R) : (y = 0 <-> yh = 0) -> support yh * delta = support y * delta.
Proof. intros [to from]. unfold support. destruct (Req_EM_T yh 0), (Req_EM_T y 0); tauto || reflexivity. Qed.

Theorem elementwise_bound (f' : R -> R) (L x xh delta eb : R) :
  (forall a b, Rabs (f' a - f' b) <= L * Rabs (a - b)) -> 0 <= L -> Rabs (xh - x) <= eb ->
  Rabs (delta * f' xh - delta * f' x) <= L * eb * Rabs delta.
Proof.
  intros lipschitz pos close. replace (delta * f' xh - delta * f' x) with (delta * (f' xh - f' x)) by ring.
  rewrite Rabs_mult, (Rmult_comm (L * eb)). apply Rmult_le_compat_l; [apply Rabs_pos|].
  apply Rle_trans with (1 := lipschitz xh x). now apply Rmult_le_compat_l.
Qed.

(** ** Batch normalisation

    models src/noise/norm.ts:batchNormNoise. x is the normalised input: an error in it reaches both the gradient of gamma and,
    scaled by that gradient, the one that travels upstream. *)

Section BatchNorm.
  Context {I : Type}.
  Variables (l : list I) (x e delta : I -> R) (gain M : R).

  Definition gammaGradient (x : I -> R) : R := sum l (fun i => delta i * x i).
  Definition betaGradient : R := sum l delta.
  Definition inputGradient (x : I -> R) (i : I) : R :=
    gain * (delta i - betaGradient / M - x i * gammaGradient x / M).

  Theorem batchnorm_gamma :
    gammaGradient (fun i => x i + e i) - gammaGradient x = sum l (fun i => delta i * e i).
  Proof. unfold gammaGradient. rewrite <- sum_minus. apply sum_ext. intros. ring. Qed.

  Theorem batchnorm_error (i : I) :
    let d := sum l (fun i => delta i * e i) in
    inputGradient (fun i => x i + e i) i - inputGradient x i
      = - (gain / M) * (e i * gammaGradient x + x i * d + e i * d).
  Proof.
    intros d. unfold inputGradient.
    replace (gammaGradient (fun i => x i + e i)) with (gammaGradient x + d)
      by (unfold d; rewrite <- batchnorm_gamma; ring).
    unfold Rdiv. ring.
  Qed.
End BatchNorm.

Theorem batchnorm_linear {I : Type} (l : list I) (delta error x : I -> R) (gain M : R) (i : I) :
  inputGradient l (fun i => delta i + error i) gain M x i
    = inputGradient l delta gain M x i + inputGradient l error gain M x i.
Proof.
  unfold inputGradient, betaGradient, gammaGradient. rewrite sum_plus.
  rewrite (sum_ext l (fun i => (delta i + error i) * x i) (fun i => delta i * x i + error i * x i)) by (intros; ring).
  rewrite sum_plus. unfold Rdiv. ring.
Qed.
