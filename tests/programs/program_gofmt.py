"""gofmt, the formatter of the Go project (Go, TinyGo), with Go's runtime and garbage collector inside."""

from common import format_text

PACKAGES = ["npm:@wasm-fmt/gofmt@0.7.3"]

SOURCE = b"""package main
import ("fmt";"os"
  "strings")
type   T[K comparable,V any] struct{a int;bb string `json:"b"`;next *T[K,V]}
func (t *T[K,V])M(x,y int)(n int,err error){if x<y{return x*y+1,nil}else{for i:=0;i<x;i++{n+=i<<2&^3}};switch{case n>0:fmt.Println(n)
default:defer func(){recover()}()}
ch:=make(chan<- map[string][]int,4);go func(){ch<-nil}();select{case ch<-nil:default:}
return n,fmt.Errorf("%d: %w",n,os.ErrExist)}
var x=map[string]struct{A,B int}{"one":{1,2},"twenty":{A:3,B:4}} // comment
const(A=iota;B;CCC)
func main(){fmt.Println(strings.Repeat("x",3))}
"""


def run(host):
    module = host.module("package/gofmt.wasm", {})
    module.call("_initialize")
    status, formatted = format_text(module, SOURCE)
    assert status == 1 and b"func (t *T[K, V]) M(x, y int) (n int, err error) {" in formatted, formatted
    module.transcript.append(["formatted", formatted])
    status, again = format_text(module, formatted)
    assert status == 0 or again == formatted
    status, message = format_text(module, b"package main\nfunc {")
    assert status == 2, message
    module.transcript.append(["error", message])
    # Enough garbage for a few collections.
    many = b"package p\n" + b"".join(b"func f%d(a,b int)int{return a+b*%d}\n" % (i, i) for i in range(400))
    status, formatted = format_text(module, many)
    assert status == 1
    module.transcript.append(["many", formatted])
    module.finish()
