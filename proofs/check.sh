#!/usr/bin/env bash
# Checks every proof from nothing, in build/proofs:
#
#   1. no proof is left open and no axiom is declared in our files
#   2. coqc accepts all files in the order of _CoqProject
#   3. coqchk, a second and smaller checker, accepts the compiled files
#   4. all theorems together rest on the axioms in axioms.txt (those of Coq's real numbers), and no others
#   5. every theorem still says what statements.txt says it says
#   6. the model still computes the test vectors in vectors.json
#
# Usage: proofs/check.sh            compare with the committed lists
#        proofs/check.sh --update   write them anew, to be read in the diff
#        proofs/check.sh --full     let coqchk re-check Flocq and Coq's library too (a minute more)
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
work=$here/../build/proofs

complain() { printf 'proofs/check.sh: %s\n' "$*" >&2; exit 1; }

# compare NAME FILE: the committed list is the expectation; --update replaces it.
compare() {
  if [ "$update" ]; then cp "$2" "$here/$1"; echo "wrote proofs/$1"; return; fi
  diff -u "$here/$1" "$2" || complain "expected $1 to be unchanged, got the difference above;" \
    "if it is meant, run proofs/check.sh --update and commit"
  echo "same  $1"
}

update= full=
case "${1:-}" in
  "") ;;
  --update) update=yes ;;
  --full) full=yes ;;
  *) complain "expected --update or --full, got $1; see the head of this file" ;;
esac

missing=()
command -v coqc > /dev/null && command -v coqchk > /dev/null || missing+=(coq)
[ -e "$(coqc -where 2> /dev/null)/user-contrib/Flocq/Version.vo" ] || missing+=(libcoq-flocq)
[ ${#missing[@]} -eq 0 ] || complain "expected Coq 8.16 and Flocq 4.1, got none of: ${missing[*]};" \
  "install the Debian packages: apt-get install --no-install-recommends coq libcoq-flocq"

mapfile -t files < <(grep '\.v$' "$here/_CoqProject")
listed=$(printf '%s\n' "${files[@]}" | sort)
[ "$listed" = "$(cd "$here" && ls ./*.v | sed 's|^\./||' | sort)" ] || complain "expected _CoqProject to list every .v file;" \
  "add the missing one"

# Comments stripped (they nest), so that prose may use the words.
open=$(cd "$here" && for f in "${files[@]}"; do
  perl -0777 -pe '1 while s/\(\*(?:(?!\(\*|\*\)).)*\*\)//gs' "$f" \
    | grep -nwE 'Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Abort|Unset Guard Checking|bypass_check' | sed "s|^|$f:|"
done || true)
[ -z "$open" ] || complain "expected no open proof and no axiom, got"$'\n'"$open"

rm -rf "$work"; mkdir -p "$work"; cp "$here"/*.v "$work"; cd "$work"
for f in "${files[@]}"; do
  coqc -q -w -notation-overridden -Q . Comet "$f" > "${f%.v}.out"
  echo "coqc  $f"
done

modules=("${files[@]%.v}")
if [ "$full" ]; then scope=("${modules[@]/#/Comet.}"); else
  for m in "${modules[@]}"; do scope+=(-norec "Comet.$m"); done
fi
coqchk -silent -Q . Comet "${scope[@]}" > checked.txt 2>&1 || { cat checked.txt; complain "coqchk refuses"; }
echo "coqchk ${#files[@]} files${full:+ and the libraries under them}"

theorems() { sed -nE "s/^ *Theorem ([A-Za-z0-9_']+).*/$1.\1/p" "$1.v"; }
{
  echo "From Coq Require Import Reals ZArith List."
  echo "From Flocq Require Import Core Binary Bits."
  echo "From Comet Require Import ${modules[*]}."
  echo "Open Scope R_scope. Set Printing Width 110."
  for m in "${modules[@]}"; do theorems "$m" | sed 's/.*/Check &./'; done
} > Statements.v
coqc -q -w none -Q . Comet Statements.v > statements.txt
compare statements.txt statements.txt

{
  sed '/^Check/d' Statements.v
  echo "Definition everything := ("
  for m in "${modules[@]}"; do theorems "$m" | sed 's/.*/@&,/'; done
  echo "I). Print Assumptions everything."
} > Assumptions.v
coqc -q -w none -Q . Comet Assumptions.v | sed -nE 's/^([A-Za-z_.]+)( :.*)?$/\1/p' | sort -u > axioms.txt
compare axioms.txt axioms.txt

# The lists that Vectors.v printed, in its order, as one JSON object.
sed -nE 's/^Eval vm_compute in (.*)\.$/\1/p' Vectors.v > names.txt
perl -0777 -ne '
  open my $f, "<", "names.txt"; my @names = split /\n/, <$f>;
  my @lists = /^ *= (.*?)^ *: list/gms;
  die "expected ${\scalar @names} lists, got ${\scalar @lists}\n" unless @names == @lists;
  for (@lists) { s/\s+//g; tr/;/,/; s/\],(?=\[)/],\n/g }
  print "{\n", join(",\n", map { "\"$names[$_]\": $lists[$_]" } 0 .. $#names), "\n}\n";
' Vectors.out > vectors.json
compare vectors.json vectors.json

echo "proved: $(grep -c '^Check' Statements.v) theorems on $(wc -l < axioms.txt) axioms"
