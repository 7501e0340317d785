"""The TypeScript formatter of dprint, on top of the parser of swc (Rust): 4 MB of code, no imports."""

import json

PACKAGES = ["npm:@dprint/typescript@0.96.1"]

SOURCE = b"""
import   {a,b as c} from "./x" ; export default class Foo<T extends   keyof any>extends Bar implements Baz{
private readonly x:number|undefined=1;constructor(public y:string,...rest:any[]){super();this.x=rest.length>0?rest[0]:undefined}
async *gen():AsyncGenerator<T>{for await(const v of this.items)yield*v??[]} get z(){return `t${this.y}`}
}
type M<K>={readonly[P in keyof K]?:K[P] extends infer U?U:never};enum E{A=1<<0,B=A|2,C="c".length}
const f=<T,>(x:T)=>({...x,y:[1,2,3].map(q=>q**2).filter(Boolean)}),veryLongVariableNameNumberOne=someFunction(argumentNumberOne,argumentNumberTwo,argumentNumberThree);
if(a){b()}else if(c){d()}else{e()} switch(x){case 1:case 2:break;default:throw new Error("no")}
label:while(true){do{continue label}while(0)}
declare module "m"{export function g(a:string):asserts a is "b"}
let jsx=1 as unknown as string,re=/[/\\]]+/giu,big=123_456n,opt=a?.b?.[c]?.(d)??e;
"""


def run(host):
    plugin = host.module("package/plugin.wasm", {})

    def send(text):
        plugin.write(plugin.call("clear_shared_bytes", len(text)), text)

    def receive(size):
        return plugin.read(plugin.call("get_shared_bytes_ptr"), size)

    assert plugin.call("dprint_plugin_version_4") == 4
    plugin.transcript.append(["info", receive(plugin.call("get_plugin_info"))])
    for number, settings in enumerate(({}, {"lineWidth": 60, "useTabs": True, "semiColons": "asi"}), 1):
        send(json.dumps({"global": {}, "plugin": settings}).encode())
        plugin.call("register_config", number)
        send(b"file.ts")
        plugin.call("set_file_path")
        send(SOURCE)
        assert plugin.call("format", number) == 1
        formatted = receive(plugin.call("get_formatted_text"))
        plugin.transcript.append(["formatted", formatted])
        assert b"export default class Foo<T extends keyof any>" in formatted, formatted
        send(b"file.ts")
        plugin.call("set_file_path")
        send(b"let = = 1;")
        assert plugin.call("format", number) == 2
        plugin.transcript.append(["error", receive(plugin.call("get_error_text"))])
        plugin.call("release_config", number)
    plugin.finish()
