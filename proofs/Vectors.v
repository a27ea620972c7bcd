(** * Vectors: the model computes, and its answers are the tests

    Everything below is evaluated by Coq and printed; check.sh turns the lists into vectors.json, which is committed.
    test/repo/proofs.test.ts holds the TypeScript reference and every WebAssembly build to it, without Coq. So what the
    theorems speak of and what ships agree on zeros, subnormals, ties, edges of the bound, binade edges, infinities,
    NaN payloads and pseudo-random patterns, bit for bit.

    Floats are written as their bits. Rows:
    - [mixes]: word, mix(word).                        [dithers]: seed, index, dither.
    - [downs]: a binary64 as its high and low word, the binary32 below it.    [bins]: bound, step, inverse.
    - [quantizers]: kind (1 support, 2 paper, 3 dithered, 4 signed), bound, negative bound, seed; then for element i of a tensor
      (x, 1 when raw, integer, decoded value). [near]: the same for tensors whose integers
      say that they need no check.
    - [zigzags]: bits, n, zigzag(n).
    - [predictions]: bits, predictor, lag; values; residuals.
    - [expectations]: width, predictor; values; residuals.    [packings]: width; values; bytes.
    - [streams]: the frequencies of each context's table, the escape's last; contexts; symbols by place in their table; the
      eight lanes' states; words. *)

From Coq Require Import ZArith List.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Comet Require Import Binary32 Quantize Dither Predict Pack.
From Comet Require Rans.
Import ListNotations.
Open Scope Z_scope.

(** Pseudo-random words: the mix of a counter. *)
Definition random (seed i : Z) : Z := mix (word (i * golden + seed)).
Definition counter (n : nat) : list Z := map Z.of_nat (seq 0 n).

(** ** The dither *)

Definition mixes := map (fun w => [w; mix w]) ([0; 1; 2; 0x7fffffff; 0x80000000; 0xffffffff] ++ map (random 1) (counter 40)).

Definition dithers := flat_map (fun seed => map (fun i => [seed; i; bits (dither (mix seed) i)])
  ([0; 1; 2; 3; 0xffffffff] ++ map (random seed) (counter 20))) [0; 1; 20261123; 0xffffffff].

(** ** The quantisers *)

Definition eighth := 0x3e000000.
Definition tenth := 0x3dcccccc.
Definition thousandth := 0x3a83126e.
Definition least := 0x03800000.
Definition largest := 0x7e800000.

(** Rounding down: the mantissa of a positive binary64, rounded to binary32. *)
Definition down (high low : Z) : f32 :=
  match B2FF 53 1024 (b64_of_bits (high * 2 ^ 32 + low)) with
  | F754_finite false m e => binary_normalize 24 128 eq_refl eq_refl mode_DN (Zpos m) e false
  | _ => zero
  end.

Definition downs := map (fun '(high, low) => [high; low; bits (down high low)])
  ([(0x3fb99999, 0x9999999a); (0x3f50624d, 0xd2f1a9fc); (0x3ff00000, 0); (0x3ff00000, 1); (0x3fffffff, 0xffffffff);
    (0x36a00000, 0); (0x38100000, 1); (0x380fffff, 0xe0000000); (0x47efffff, 0xe0000001)]
   ++ map (fun i => (0x38600000 + random 3 i mod 0x0f000000, random 4 i)) (counter 40)).

Definition bins := map (fun b => let c := binOf (ofBits b) in [b; bits (step c); bits (inverse c)])
  ([eighth; tenth; thousandth; least; largest] ++ map (fun i => 0x03800000 + random 2 i mod 0x7b000000) (counter 40)).

(** A bit pattern, its neighbours, and the negatives of all three. *)
Definition around (b : Z) : list Z :=
  let near := [b - 1; b; b + 1] in near ++ map (fun w => Z.lxor w 0x80000000) near.

Definition specials : list Z :=
  [0; 0x80000000; 1; 0x80000001; 0x007fffff; 0x00800000; 0x80800000; 0x3f800000; 0xbf800000; 0x7f7fffff; 0xff7fffff;
   0x7f800000; 0xff800000; 0x7fc00000; 0x7f800001; 0xffc12345; 0xff812345].

(** k/2 steps: bin centres and edges, that is rounding's fixed points and ties. *)
Definition halves (s : f32) (ks : list Z) : list Z := flat_map (fun k => around (bits (mul (float k (-1)) s))) ks.

(** Random magnitudes of at most [top] steps, spread over binades, of either sign; every eighth is zero. *)
Definition spread (seed : Z) (s : f32) (top : Z) (n : nat) : list Z :=
  map (fun i =>
    let r := random seed i in
    if r mod 8 =? 0 then 0 else
    let size := float (2 ^ 23 + Z.shiftr r 9) (- 23 + top - Z.land r 31) in
    Z.lxor (bits (mul size s)) (Z.shiftl (Z.land (Z.shiftr r 8) 1) 31)) (counter n).

Definition nearHalves := [1; 2; 3; 4; 5; 127; 128; 255; 511; 4095; 8189; 8190; 8191].
Definition farHalves := [8192; 8193; 65535; 8388605; 8388606; 8388607; 8388608; 16777216; 33554432].

Definition kindOf (k : Z) : quantizer := if k =? 1 then Support else if k =? 2 then Paper else if k =? 3 then Dithered else Signed.

(** Element i's row. *)
Definition row (c : quantization) (key : Z) (entry : Z * Z) : list Z :=
  let '(i, b) := entry in
  let x := ofBits b in
  let u := dither key i in
  match encode c u x with
  | Integer q => [b; 0; q; bits (decode c u (Integer q))]
  | Raw y => [b; 1; 0; bits y]
  end.

Definition table (k bound negativeBound seed : Z) (values : list Z) : list (list Z) :=
  let c := Quantization (kindOf k) (binOf (ofBits bound)) (binOf (ofBits negativeBound)) in
  [k; bound; negativeBound; seed] :: map (row c (mix seed)) (combine (counter (length values)) values).

Definition stepOf (b : Z) : f32 := step (binOf (ofBits b)).

Definition values (b seed : Z) : list Z :=
  specials ++ around b ++ halves (stepOf b) (nearHalves ++ farHalves) ++ spread seed (stepOf b) 23 40
    ++ map (random (seed + 1)) (counter 24).

Definition quantizers :=
  flat_map (fun b => map (fun k => table k b b (b + k) (values b (b + k))) [1; 2; 3; 4]) [eighth; tenth; thousandth]
  ++ [table 1 least least 0 (values least 5); table 2 largest largest 0 (values largest 6);
      table 1 tenth eighth 0 (values tenth 7 ++ values eighth 8); table 1 eighth thousandth 0 (values thousandth 9);
      table 4 tenth eighth 10 (values tenth 10 ++ values eighth 11); table 4 eighth thousandth 12 (values thousandth 12)].

Definition near :=
  map (fun '(k, b) => table k b b 0 ([0; 0x80000000; 1; 0x80000001; 0x007fffff; 0x80800000] ++ around b
    ++ halves (stepOf b) nearHalves ++ spread (b + k) (stepOf b) 11 60))
  [(1, eighth); (2, eighth); (1, tenth); (2, tenth); (1, thousandth); (2, thousandth); (1, least); (2, least)]
  ++ map (fun '(k, b, below) =>
    let side b := [0; 1; 0x007fffff; 0x00800000] ++ map (fun w => Z.land w 0x7fffffff)
      (around b ++ halves (stepOf b) [1; 2; 3; 127; 255; 4088; 4089; 4090] ++ spread b (stepOf b) 9 60) in
    table k b below 7 (side b ++ map (fun w => Z.lxor w 0x80000000) (side below)))
  [(3, eighth, eighth); (3, tenth, tenth); (3, thousandth, thousandth);
   (4, tenth, tenth); (4, eighth, thousandth); (4, thousandth, eighth)].

(** ** The integer stages *)

Definition signedOf (bits z : Z) : Z := wrap bits z.

Definition zigzags := flat_map (fun bits => map (fun n => [bits; n; zigzag bits n])
  ([0; 1; -1; 2; -2; half bits - 1; - half bits] ++ map (fun i => signedOf bits (random bits i)) (counter 20))) [16; 32].

Definition predictions :=
  flat_map (fun bits => flat_map (fun p => map (fun lag =>
    let v := [half bits - 1; - half bits; 0; 1; -1] ++ map (fun i => signedOf bits (random (p + lag) i)) (counter 23) in
    [[bits; p; lag]; v;
     predict bits (guess (Z.odd p) (2 <=? p) (Z.to_nat lag)) [] v]) [1; 3; 8]) [0; 1; 2; 3]) [16; 32].

Definition expectations :=
  flat_map (fun p => map (fun width =>
    let v := map (fun i => signedOf 16 (Z.shiftr (random (p + width) i) (Z.land i 12))) (counter 30)
      ++ [32767; -32768; 32767; 32767; -32768; -32768; 0; 1; -1; 32767] in
    [[width; p]; v; predict 16 (laneGuess (Z.to_nat width) p) [] v]) [1; 2; 7; 64]) [0; 1; 2; 3; 4].

(** The bytes of a word, lowest first. *)
Definition bytesOf (n word : Z) : list Z := map (fun k => Z.land (Z.shiftr word (8 * k)) 255) (counter (Z.to_nat n)).

Definition blockBytes (w : Z) (v : list Z) : list Z :=
  flat_map (fun '(bits, word) => bytesOf (8 * bits) word) (combine (planesOf w) (pack w v)).

Definition stringBytes (w : Z) (v : list Z) : list Z :=
  bytesOf ((Z.of_nat (length v) * w + 7) / 8) (put (fun i => Z.of_nat i * w) v).

Definition fitting (w : Z) (n : nat) : list Z := map (fun i => Z.land (random w i) (Z.ones w)) (counter n).

Definition packings :=
  map (fun w => [[w]; fitting w 64; blockBytes w (fitting w 64)]) (counter 33)
  ++ map (fun w => [[w]; fitting w 13; stringBytes w (fitting w 13)]) (counter 33).

(** ** The entropy coder *)

Definition someTables : list Rans.table :=
  [[1000; 500; 300; 200; 48]; [2047; 1]; [1; 1; 2040; 1; 5]; map (fun i => 1 + i mod 7) (counter 255) ++ [2048 - Rans.sum (map (fun i => 1 + i mod 7) (counter 255))]].

(** What the coder makes of symbols under contexts. *)
Definition streamOf (ts : list Rans.table) (contexts : list Z) (symbols : list nat) : list (list Z) :=
  let tableAt k := nth (Z.to_nat (nth k contexts 0)) ts [] in
  let '(l, words) := Rans.encode (fun past => tableAt (length past)) (fun past => Nat.modulo (length past) 8) [] symbols in
  ts ++ [contexts; map Z.of_nat symbols; map l (seq 0 8); words].

Definition stream (seed : Z) (n : nat) : list (list Z) :=
  let contexts := map (fun i => random seed i mod 4) (counter n) in
  let tableAt k := nth (Z.to_nat (nth k contexts 0)) someTables [] in
  let symbols := map (fun i => Rans.lookup (tableAt (Z.to_nat i)) (random (seed + 1) i mod Rans.total)) (counter n) in
  streamOf someTables contexts symbols.

(** A state that is exactly f * 2^21 before a symbol of frequency f: the edge of giving a word away. *)
Definition edge : list (list Z) :=
  streamOf [[64; 1983; 1]] (map (fun _ => 0) (counter 9)) [2; 0; 0; 0; 0; 0; 0; 0; 0]%nat.

Definition streams := [stream 31 1; stream 32 8; stream 33 300; edge].

Set Printing Width 110.
Set Printing Depth 1000000.
Eval vm_compute in mixes.
Eval vm_compute in dithers.
Eval vm_compute in downs.
Eval vm_compute in bins.
Eval vm_compute in quantizers.
Eval vm_compute in near.
Eval vm_compute in zigzags.
Eval vm_compute in predictions.
Eval vm_compute in expectations.
Eval vm_compute in packings.
Eval vm_compute in streams.
