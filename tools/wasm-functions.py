#!/usr/bin/env python3
"""Writes out the functions that the standard C API declares per type by macros.

cbindgen expands no macros, so the functions must stand in the source one by one. Their bodies are one call of the
generic function in `object.rs`, `types.rs` or `vectors.rs`; nothing but names and types differs. Output:
src/capi/standard/generated/*.rs, formatted by rustfmt. With --verify, compares instead.
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src/capi/standard/generated"

# Vectors: name, element, how a list of them is called.
VECTORS = [
    ("byte", "wasm_byte_t", "bytes"),
    ("valtype", "*mut wasm_valtype_t", "value types"),
    ("functype", "*mut wasm_functype_t", "function types"),
    ("globaltype", "*mut wasm_globaltype_t", "global types"),
    ("tabletype", "*mut wasm_tabletype_t", "table types"),
    ("memorytype", "*mut wasm_memorytype_t", "memory types"),
    ("externtype", "*mut wasm_externtype_t", "extern types"),
    ("importtype", "*mut wasm_importtype_t", "import types"),
    ("exporttype", "*mut wasm_exporttype_t", "export types"),
    ("val", "wasm_val_t", "values"),
    ("frame", "*mut wasm_frame_t", "frames"),
    ("extern", "*mut wasm_extern_t", "externals"),
]

# Types of the API, with what the header calls them: opaque, copied and deleted.
TYPES = [
    ("valtype", "value type"),
    ("functype", "function type"),
    ("globaltype", "global type"),
    ("tabletype", "table type"),
    ("memorytype", "memory type"),
    ("externtype", "external type"),
    ("importtype", "import"),
    ("exporttype", "export"),
    ("frame", "frame"),
]
# Types of externals, which are views of one another.
EXTERN_TYPES = ["functype", "globaltype", "tabletype", "memorytype"]

# References; `ref` is what all of them are.
REFERENCES = [
    ("ref", "reference of any kind"),
    ("trap", "trap"),
    ("foreign", "foreign object, which WebAssembly passes around as an external reference"),
    ("module", "module"),
    ("func", "function"),
    ("global", "global"),
    ("table", "table"),
    ("memory", "memory"),
    ("extern", "external: function, global, table or memory"),
    ("instance", "instance"),
]
EXTERNS = ["func", "global", "table", "memory"]

# Spelled out, since the header knows no name for it.
FINALIZER = "Option<unsafe extern \"C\" fn(data: *mut c_void)>"

HEADER = """//! {what}
//!
//! Written by tools/wasm-functions.py; do not edit.

"""


def article(name):
    return ("an " if name[0] in "aeiou" else "a ") + name


def sentence(text):
    return text[0].upper() + text[1:]


def function(name, arguments, result, body, doc):
    signature = ", ".join(f"{argument}: {kind}" for argument, kind in arguments)
    arrow = f" -> {result}" if result else ""
    return f"""{doc_comment(doc)}#[unsafe(no_mangle)]
pub unsafe extern "C" fn {name}({signature}){arrow} {{
    {body}
}}

"""


def doc_comment(text):
    return "".join(f"/// {line}\n" for line in text.splitlines())


def vectors():
    out = HEADER.format(what="Vectors: five functions for each type of element.")
    out += "use super::super::values::wasm_val_t;\nuse super::super::vectors::{self, wasm_byte_t};\n"
    out += "use super::types::*;\nuse super::references::*;\n\n"
    for name, element, plural in VECTORS:
        vector = f"wasm_{name}_vec_t"
        out += f"""/// A vector of {plural}. An owned one is deleted by `wasm_{name}_vec_delete`, its elements with it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct {vector} {{
    /// Number of elements.
    pub size: usize,
    /// The elements; not looked at if there are none.
    pub data: *mut {element},
}}

// SAFETY: `repr(C)`, a size and a pointer to the elements.
unsafe impl vectors::Vector for {vector} {{
    type Element = {element};
}}

"""
        new, element_const = f"*mut {vector}", f"*const {element}"
        out += function(f"wasm_{name}_vec_new_empty", [("out", new)], "", "vectors::new_empty(out);",
                        f"Makes an empty vector of {plural}.")
        out += function(f"wasm_{name}_vec_new_uninitialized", [("out", new), ("size", "usize")], "",
                        "vectors::new_uninitialized(out, size);",
                        f"Makes a vector of `size` {plural}, all bytes zero; an empty one if there is no memory.")
        out += function(f"wasm_{name}_vec_new", [("out", new), ("size", "usize"), ("data", element_const)], "",
                        "vectors::new(out, size, data);",
                        f"Makes a vector of the `size` {plural} at `data`, which are moved into it.")
        out += function(f"wasm_{name}_vec_copy", [("out", new), ("vec", f"*const {vector}")], "",
                        "vectors::copy(out, vec);", f"Makes a vector of copies of {plural}.")
        out += function(f"wasm_{name}_vec_delete", [("vec", new)], "", "vectors::delete(vec);",
                        f"Deletes {plural} and what holds them, and leaves an empty vector.")
    return out


def opaque(name, doc):
    return f"""{doc_comment(doc)}pub struct wasm_{name}_t {{
    _private: [u8; 0],
}}

"""


def types():
    out = HEADER.format(what="Types of the API that are objects: to delete, to copy, and views of external types.")
    out += "use super::super::types;\nuse super::super::trap;\nuse crate::capi::{Counted, delete};\n"
    out += "use super::super::object;\n\n"
    for name, what in TYPES:
        kind = f"wasm_{name}_t"
        shared = name == "externtype" or name in EXTERN_TYPES
        base = {"valtype": "types::ValTypeValue", "importtype": "types::ImportValue",
                "exporttype": "types::ExportValue", "frame": "trap::FrameValue"}.get(name, "types::ExternTypeValue")
        number = "types::EXTERN_TYPE_KIND" if shared else hex(int.from_bytes(f"w{name[:2]}t".encode(), "little"))
        thing = what.removesuffix(" type")
        verb = {"frame": "A function on the stack of a trap.", "importtype": "What a module imports.",
                "exporttype": "What a module exports."}.get(name, f"The type of {article(thing)}.")
        out += opaque(name, f"{verb} Immutable; any thread.")
        out += f"""impl Counted for {kind} {{
    type Value = {base};
    const KIND: u32 = {number};
}}

"""
        out += function(f"wasm_{name}_delete", [("object", f"*mut {kind}")], "", "delete(object);",
                        f"Deletes {article(what)}. NULL is allowed.")
        out += function(f"wasm_{name}_copy", [("object", f"*const {kind}")], f"*mut {kind}", "object::copy(object)",
                        f"Another owner of {article(what)}; NULL for NULL.")
    for name in EXTERN_TYPES:
        for suffix, pointer in [("", "*mut"), ("_const", "*const")]:
            given = "object" if suffix else "object.cast_const()"
            out += function(f"wasm_{name}_as_externtype{suffix}", [("object", f"{pointer} wasm_{name}_t")],
                            f"{pointer} wasm_externtype_t", f"types::view({given})",
                            "The same type as an external's; not a new owner. NULL for NULL.")
            out += function(f"wasm_externtype_as_{name}{suffix}", [("object", f"{pointer} wasm_externtype_t")],
                            f"{pointer} wasm_{name}_t", f"types::view({given})",
                            "The same type, not a new owner; NULL if it is of another kind.")
    return out


def references():
    out = HEADER.format(what="References: what all of them have in common.")
    out += "use std::ffi::c_void;\n\nuse super::super::object;\nuse crate::capi::{Counted, delete};\n\n"
    for name, what in REFERENCES:
        kind = f"wasm_{name}_t"
        out += opaque(name, f"{sentence(article(what))}.")
        out += f"""impl Counted for {kind} {{
    type Value = object::RefValue;
    const KIND: u32 = object::REF_KIND;
}}

"""
        what = what.split(",")[0].split(":")[0]
        out += function(f"wasm_{name}_delete", [("object", f"*mut {kind}")], "", "delete(object);",
                        f"Gives up {article(what)}. NULL is allowed. Any thread.")
        out += function(f"wasm_{name}_copy", [("object", f"*const {kind}")], f"*mut {kind}", "object::copy(object)",
                        f"Another owner of {article(what)}; NULL for NULL.")
        out += function(f"wasm_{name}_same", [("a", f"*const {kind}"), ("b", f"*const {kind}")], "bool",
                        "object::same(a, b)",
                        "Whether both are references to the same object; false if one is NULL.")
        out += function(f"wasm_{name}_get_host_info", [("object", f"*const {kind}")], "*mut c_void",
                        "object::host_info(object)",
                        "The host's pointer that is attached to the object; NULL if there is none.")
        out += function(f"wasm_{name}_set_host_info", [("object", f"*mut {kind}"), ("info", "*mut c_void")], "",
                        "object::set_host_info(object, info, None);",
                        "Attaches a pointer to the object; one that was attached before is finalized.")
        out += function(f"wasm_{name}_set_host_info_with_finalizer",
                        [("object", f"*mut {kind}"), ("info", "*mut c_void"), ("finalizer", FINALIZER)], "",
                        "object::set_host_info(object, info, finalizer);",
                        "Attaches a pointer, with a function that is called with it once: when the object dies, or when\n"
                        "another pointer is attached.")
    return out


def casts():
    out = HEADER.format(what="Casts between references: views of the same object, not new owners.")
    out += "use super::super::object::{self, Group};\nuse super::references::*;\n\n"
    for name, _ in REFERENCES[1:]:
        group = "Group::" + name.capitalize()
        for suffix, pointer in [("", "*mut"), ("_const", "*const")]:
            given = "object" if suffix else "object.cast_const()"
            out += function(f"wasm_{name}_as_ref{suffix}", [("object", f"{pointer} wasm_{name}_t")],
                            f"{pointer} wasm_ref_t", f"object::view({given}, Group::Ref)",
                            "The same object as a reference; not a new owner. NULL for NULL.")
            out += function(f"wasm_ref_as_{name}{suffix}", [("object", f"{pointer} wasm_ref_t")],
                            f"{pointer} wasm_{name}_t", f"object::view({given}, {group})",
                            "The same object, not a new owner; NULL if it is of another kind.")
    for name in EXTERNS:
        group = "Group::" + name.capitalize()
        for suffix, pointer in [("", "*mut"), ("_const", "*const")]:
            given = "object" if suffix else "object.cast_const()"
            out += function(f"wasm_{name}_as_extern{suffix}", [("object", f"{pointer} wasm_{name}_t")],
                            f"{pointer} wasm_extern_t", f"object::view({given}, Group::Extern)",
                            "The same object as an external; not a new owner. NULL for NULL.")
            out += function(f"wasm_extern_as_{name}{suffix}", [("object", f"{pointer} wasm_extern_t")],
                            f"{pointer} wasm_{name}_t", f"object::view({given}, {group})",
                            "The same object, not a new owner; NULL if it is of another kind.")
    return out


def main():
    verify = "--verify" in sys.argv[1:]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for name, text in [("vectors", vectors()), ("types", types()), ("references", references()), ("casts", casts())]:
            new = pathlib.Path(folder) / f"{name}.rs"
            new.write_text(text)
            subprocess.run(["rustfmt", "--edition", "2024", "--config-path", str(ROOT), str(new)], check=True)
            old = FOLDER / new.name
            same = old.exists() and old.read_text() == new.read_text()
            if verify and not same:
                print(f"wasm-functions.py: {old.relative_to(ROOT)} is not up to date", file=sys.stderr)
                good = False
            elif not same:
                FOLDER.mkdir(exist_ok=True)
                old.write_text(new.read_text())
    return 0 if good else 1


sys.exit(main())
