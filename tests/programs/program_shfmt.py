"""shfmt, a formatter of shell scripts (Go, TinyGo)."""

from common import format_text

PACKAGES = ["npm:@wasm-fmt/shfmt@0.2.7"]

SOURCE = b"""#!/bin/bash
if [ -z "$1" ];then echo   "usage: $0 <file>">&2;exit 1;fi
for f in *.txt;do while read -r line;do case "$line" in a*|b*) echo "${line%%:*}";; *) : $((x+=1));; esac;done<"$f";done
foo(){ local a=(1 2 "three");cat <<EOF|sort
$a ${a[@]:1:2}
EOF
}
diff <(ls a) <(ls b)&&{ foo||bar; }
"""


def run(host):
    module = host.module("package/shfmt.wasm", {})
    module.call("_initialize")
    status, formatted = format_text(module, SOURCE)
    assert status == 1 and b"for f in *.txt; do" in formatted, formatted
    module.transcript.append(["formatted", formatted])
    status, message = format_text(module, b"if true; then")
    assert status == 2, message
    module.transcript.append(["error", message])
    module.finish()
