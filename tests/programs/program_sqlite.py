"""SQLite (C, Emscripten), through its own C interface, on a database in memory."""

from common import Wasi

PACKAGES = ["npm:sql.js@1.16.0"]

SETUP = """
create table part (id integer primary key, name text not null, price real, parent integer references part(id));
create index part_name on part(name);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
  insert into part select i, printf('part-%04d', (i * 7919) % 3001), round(i * 1.37 / 3, 3), nullif(i / 3, 0) from n;
create table note (body text);
insert into note values ('alpha beta'), ('Grüße'), (null), (x'00ff10'), (42), (2.5);
create trigger shrink after delete on part begin insert into note values ('deleted ' || old.name); end;
delete from part where id % 500 = 0;
"""

QUERIES = [
    "select sqlite_version()",
    "select count(*), sum(price), min(name), max(name), avg(id) from part",
    "select name, price from part where name between 'part-0100' and 'part-0110' order by name",
    "with recursive up(id, depth) as (select 2999, 0 union all select parent, depth + 1 from part join up using (id) "
    "where parent is not null) select count(*), max(depth), group_concat(id) from up",
    "select id % 7 as k, count(*), total(price), group_concat(id, '-') filter (where id < 40) from part group by k",
    "select name, rank() over (partition by id % 3 order by price desc) as r from part order by r, name limit 12",
    "select typeof(body), quote(body), length(body), hex(body) from note",
    "select json_extract('{\"a\":[1,2,{\"b\":\"c\"}]}', '$.a[2].b'), json_group_array(id) from part where id < 6",
    "explain query plan select * from part where name = 'part-0001'",
    "select upper('straße'), 7 / 2, 7 % -3, 1e308 * 10, abs(-9223372036854775807), 'a' like 'A', 'abc' glob 'a*'",
    "select datetime(1700000000, 'unixepoch'), strftime('%W %j', '2026-11-20')",
]


def run(host):
    wasi = Wasi(["fd_write", "environ_sizes_get", "environ_get", "clock_time_get"])
    imports = dict(wasi.imports)
    imports["env", "emscripten_get_now"] = lambda module: 0.5
    imports["env", "emscripten_date_now"] = lambda module: 1.7e12
    imports["env", "emscripten_get_heap_max"] = lambda module: 0x7FFF0000
    imports["env", "__syscall_getcwd"] = lambda module, pointer, size: (module.write(pointer, b"/\0"), 2)[1]
    imports["env", "_tzset_js"] = lambda module, *_: None
    # Failing is an answer, too: no files exist here.
    for name in ("__syscall_openat", "__syscall_stat64", "__syscall_lstat64", "__syscall_faccessat"):
        imports["env", name] = lambda module, *_: -44
    sql = host.module("package/dist/sql-wasm-debug.wasm", imports)
    sql.call("emscripten_stack_init")
    sql.call("__set_stack_limits", sql.call("emscripten_stack_get_base"), sql.call("emscripten_stack_get_end"))
    sql.call("__wasm_call_ctors")

    def place(text):
        pointer = sql.call("malloc", len(text.encode()) + 1)
        sql.write(pointer, text.encode() + b"\0")
        return pointer

    slot = sql.call("malloc", 8)
    assert sql.call("sqlite3_open", place(":memory:"), slot) == 0
    database = sql.u32(slot)
    status = sql.call("sqlite3_exec", database, place(SETUP), 0, 0, slot)
    assert status == 0, sql.text(sql.call("sqlite3_errmsg", database))

    for query in QUERIES:
        source = place(query)
        status = sql.call("sqlite3_prepare_v2", database, source, -1, slot, 0)
        assert status == 0, (query, sql.text(sql.call("sqlite3_errmsg", database)))
        statement = sql.u32(slot)
        rows = []
        while sql.call("sqlite3_step", statement) == 100:
            row = []
            for column in range(sql.call("sqlite3_column_count", statement)):
                kind = sql.call("sqlite3_column_type", statement, column)
                if kind == 2:
                    row.append(sql.call("sqlite3_column_double", statement, column))
                elif kind == 5:
                    row.append(None)
                else:
                    pointer = sql.call("sqlite3_column_text", statement, column)
                    row.append(sql.read(pointer, sql.call("sqlite3_column_bytes", statement, column)))
            rows.append(row)
        assert rows, query
        sql.transcript.append([query, rows])
        assert sql.call("sqlite3_finalize", statement) == 0
        sql.call("free", source)
    bad = sql.call("sqlite3_prepare_v2", database, place("select * from nowhere"), -1, slot, 0)
    assert bad == 1
    assert sql.text(sql.call("sqlite3_errmsg", database)) == "no such table: nowhere"
    assert sql.call("sqlite3_close_v2", database) == 0
    sql.finish()
