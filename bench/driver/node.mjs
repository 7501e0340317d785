// The jobs of driver.c for V8: the same arguments, the same output. Flags of node choose the compiler.
//
//     node FLAG... node.mjs JOB ARGUMENT...
//
// JavaScript has no unchecked interface, frees by garbage collection, and knows types of imports only as
// flags would allow; so imports come from the caller as JSON in the environment variable BENCH_IMPORTS.

import {readFileSync} from 'node:fs';

const imports = JSON.parse(process.env.BENCH_IMPORTS ?? '[]');
const output = {};

function now() {
  const cpu = process.cpuUsage();
  return {wall: process.hrtime.bigint(), cpu: (cpu.user + cpu.system) * 1000};
}

function record(name, begin, count = 1) {
  const end = now();
  const series = output[name] ??= {wall: [], cpu: []};
  series.wall.push(Number(end.wall - begin.wall) / count);
  series.cpu.push((end.cpu - begin.cpu) / count);
}

// Stubs that return zeros, empty memories, tables and globals.
function stubs() {
  const object = {};
  for (const item of imports) {
    object[item.module] ??= {};
    object[item.module][item.name] = stub(item);
  }
  return object;
}

function zero(type) {
  return type === 'i64' ? 0n : type === 'externref' || type === 'funcref' ? null : 0;
}

function stub(item) {
  switch (item.kind) {
    case 'func':
      return item.results.length === 1 ? () => zero(item.results[0]) : () => item.results.map(zero);
    case 'memory':
      return new WebAssembly.Memory(item.type);
    case 'table':
      return new WebAssembly.Table(item.type);
    default:
      return new WebAssembly.Global(item.type, zero(item.type.value));
  }
}

function memory() {
  const value = (path, key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'latin1'))[1]);
  return {
    pss_kib: value('/proc/self/smaps_rollup', 'Pss'),
    virtual_kib: value('/proc/self/status', 'VmSize'),
    mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1,
  };
}

function difference(after, before) {
  return Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
}

function parseArgument(text) {
  return text.startsWith('i64:') ? BigInt(text.slice(4)) : Number(text.slice(4));
}

function unsigned(value) {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value).toString();
  return value === undefined ? '0' : String(Number.isInteger(value) ? value >>> 0 : value);
}

const PROSE = ['the ', 'quick ', 'brown ', 'fox ', 'jumps ', 'over ', 'a ', 'lazy ', 'dog, ', 'and ', 'engines ', 'compile ',
  'what ', 'they ', 'run.\n', 'twice '];

function prose(length) {
  const parts = [];
  for (let state = 1, at = 0; at < length;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    parts.push(PROSE[state >>> 28]);
    at += parts.at(-1).length;
  }
  return Buffer.from(parts.join('').slice(0, length));
}

// Carries out a script: script.c says what the steps are.
// What slices of a run are, and when they have come to their full speed: as in warm.c.
const SLICES = 200;

function ownWork() {
  const {user, system} = process.threadCpuUsage();
  return (user + system) * 1000;
}

function reached(slices, best) {
  const fast = slices.map(({work}) => work <= best * 1.1);
  for (let at = 0; at + 20 <= SLICES; at++) if (fast[at] && fast.slice(at, at + 20).filter(Boolean).length >= 10) return at;
  throw new Error('the speed at the end was never kept up');
}

function runScript(exports, source, n, round = () => {}) {
  const variables = {N: n};
  let memory = exports.memory;
  const value = (word) => {
    if (!word.startsWith('$')) return Number(word);
    const [name, more] = word.slice(1).split('+');
    return variables[name] + Number(more ?? 0);
  };
  const allocate = (name, allocator, bytes, end) => {
    variables[name] = variables._ = exports[allocator](bytes.length + end) >>> 0;
    variables.len = bytes.length;
    new Uint8Array(memory.buffer, variables._, bytes.length + end).set(bytes);
    if (end) new Uint8Array(memory.buffer)[variables._ + bytes.length] = 0;
  };
  const text = (words) => Buffer.from(words.join(' ').replaceAll('{N}', n).replaceAll('\\n', '\n'));
  const steps = {
    memory(name) { memory = exports[name]; },
    let(name, word) { variables[name] = value(word); },
    call(name, ...args) { variables._ = exports[name](...args.map(value)) >>> 0; },
    run(name, ...args) { exports[name](...args.map(value)); },
    load(address) { variables._ = new DataView(memory.buffer).getUint32(value(address), true); },
    store(address, word) { new DataView(memory.buffer).setUint32(value(address), value(word), true); },
    prose(name, allocator, length) { allocate(name, allocator, prose(value(length)), 0); },
    text(name, allocator, ...words) { allocate(name, allocator, text(words), 1); },
    bytes(name, allocator, ...words) { allocate(name, allocator, text(words), 0); },
    digest(address, length) {
      let sum = 2166136261;
      for (const byte of new Uint8Array(memory.buffer, value(address), value(length))) sum = Math.imul(sum ^ byte, 16777619);
      variables._ = sum >>> 0;
    },
    expect(word) { if ((variables._ | 0) !== (value(word) | 0)) throw new Error(`script: expect ${word}, but _ is ${variables._}`); },
  };
  const lines = source.split('\n');
  for (let at = 0, loop = 0, rounds = 0; at < lines.length; at++) {
    const [what, ...words] = lines[at].split(' ');
    if (what === '' || what.startsWith('#')) continue;
    if (what === 'repeat') [rounds, loop, variables.i] = [value(words[0]), at, 0];
    else if (what === 'end') { round(); if (++variables.i < rounds) at = loop; }
    else steps[what](...words);
  }
  return String(variables._);
}

const jobs = {
  script(file, path, n) {
    const bytes = readFileSync(file), source = readFileSync(path, 'utf8');
    const begin = now();
    const module = new WebAssembly.Module(bytes);
    record('compile', begin);
    output.result = runScript(new WebAssembly.Instance(module, stubs()).exports, source, Number(n));
    record('whole', begin);
    output.pss_kib = memory().pss_kib;
  },

  peak(file, path, n) {
    const bytes = readFileSync(file), source = readFileSync(path, 'utf8');
    const slices = [], perSlice = Math.floor(Number(n) / SLICES);
    let rounds = 0, before = ownWork();
    const begin = now();
    const module = new WebAssembly.Module(bytes);
    record('compile', begin);
    const instance = new WebAssembly.Instance(module, stubs());
    const start = now();
    output.result = runScript(instance.exports, source, Number(n), () => {
      if (++rounds % perSlice !== 0 || slices.length === SLICES) return;
      const work = ownWork();
      slices.push({at: now(), work: work - before});
      before = work;
    });
    const best = slices.slice(-SLICES / 4).map(({work}) => work).sort((a, b) => a - b)[SLICES / 8];
    const first = reached(slices, best), at = first ? slices[first - 1].at : start;
    output.until = {wall: [Number(at.wall - begin.wall)], cpu: [at.cpu - begin.cpu]};
    output.slice = {wall: [best], cpu: [best]};
  },

  compile(file, repeat) {
    const bytes = readFileSync(file);
    const before = memory();
    for (let i = 0; i < Number(repeat); i++) {
      const begin = now();
      const module = new WebAssembly.Module(bytes);
      record('compile', begin);
      if (i === 0) output.memory = difference(memory(), before);
      if (!module) throw new Error('unreachable');
    }
    output.peak_kib = process.resourceUsage().maxRSS;
  },

  async stream(file, repeat, piece, rate) {
    const bytes = readFileSync(file), most = Number(piece);
    // Node ends when nothing but a compilation is left to wait for.
    const alive = setInterval(() => {}, 1000);
    for (let i = 0; i < Number(repeat); i++) {
      const begin = now();
      let at = 0, last = begin;
      const body = new ReadableStream({
        async pull(controller) {
          const end = Math.min(at + most, bytes.length);
          const wait = end * 1000 / Number(rate) - Number(now().wall - begin.wall) / 1e6;
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          last = now();
          controller.enqueue(bytes.subarray(at, end));
          at = end;
          if (at === bytes.length) controller.close();
        },
      });
      await WebAssembly.compileStreaming(new Response(body, {headers: {'content-type': 'application/wasm'}}));
      record('ready', last);
      record('all', begin);
    }
    clearInterval(alive);
  },

  first(file, repeat, name, results, ...args) {
    const bytes = readFileSync(file);
    for (let i = 0; i < Number(repeat); i++) {
      const begin = now();
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), stubs());
      output.result = name ? unsigned(instance.exports[name](...args.map(parseArgument))) : '0';
      record('first', begin);
    }
  },

  run(file, repeat, n) {
    const bytes = readFileSync(file);
    const begin = now();
    const module = new WebAssembly.Module(bytes);
    record('compile', begin);
    const {run} = new WebAssembly.Instance(module, stubs()).exports;
    output.result = unsigned(run(Number(n)));
    record('whole', begin);
    for (let i = 0; i < Number(repeat); i++) {
      const start = now();
      const again = unsigned(run(Number(n)));
      record('steady', start);
      if (again !== output.result) throw new Error(`run(${n}) gave ${output.result}, then ${again}`);
    }
    output.pss_kib = memory().pss_kib;
  },

  calls(file, repeat, count) {
    const calls = Number(count);
    const {add, call_host, loop} =
        new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {env: {host: (a, b) => (a + b) | 0}}).exports;
    let sum = 0;
    for (let i = 0; i < calls; i++) sum = (sum + i) | 0;
    for (let k = 0; k < Number(repeat); k++) {
      let begin = now();
      let last = 0;
      for (let i = 0; i < calls; i++) last = add(i, last);
      record('in_checked', begin, calls);
      if (last !== sum) throw new Error('calls into WebAssembly: wrong sum');
      begin = now();
      if (call_host(calls) !== sum) throw new Error('calls of the host: wrong sum');
      record('out_checked', begin, calls);
      begin = now();
      if (loop(calls) !== sum) throw new Error('loop: wrong sum');
      record('loop', begin, calls);
    }
  },

  instantiate(file, repeat, count) {
    const module = new WebAssembly.Module(readFileSync(file));
    for (let i = 0; i < Number(repeat); i++) {
      const begin = now();
      for (let k = 0; k < Number(count); k++) new WebAssembly.Instance(module, stubs());
      record('instantiate', begin, Number(count));
    }
  },

  instances(file, count) {
    const module = new WebAssembly.Module(readFileSync(file));
    const all = [new WebAssembly.Instance(module, stubs())];
    const before = memory();
    for (let i = 0; i < Number(count); i++) all.push(new WebAssembly.Instance(module, stubs()));
    output.memory = difference(memory(), before);
    if (all.length === 0) throw new Error('unreachable');
  },

  tiny(file, repeat, count) {
    const bytes = readFileSync(file);
    for (let i = 0; i < Number(repeat); i++) {
      const begin = now();
      for (let k = 0; k < Number(count); k++)
        if (new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.run(1) !== 2) throw new Error('tiny: wrong result');
      record('tiny', begin, Number(count));
    }
  },

  alive(file, count) {
    const bytes = readFileSync(file);
    const all = [new WebAssembly.Module(bytes)];
    const before = memory();
    for (let i = 0; i < Number(count); i++) all.push(new WebAssembly.Module(bytes));
    output.memory = difference(memory(), before);
    if (new WebAssembly.Instance(all[Number(count)]).exports.run(1) !== 2) throw new Error('alive: wrong result');
  },
};

const [job, ...args] = process.argv.slice(2);
try {
  await jobs[job](...args);
  console.log(JSON.stringify(output));
} catch (error) {
  console.log(JSON.stringify({error: String(error?.message ?? error)}));
  process.exit(1);
}
