// Node.js as a thin engine: loads one module and does what the driver asks, one JSON object per line.
// While an import waits for its answer, the driver may ask for more (memory, nested calls). No glue code of
// the package is used: only raw exports and the memory.
import { createHash } from 'node:crypto';
import fs from 'node:fs';

let pending = Buffer.alloc(0);
const chunk = Buffer.alloc(1 << 20);

// The next line of stdin, synchronously: imports cannot wait for events.
function readLine() {
  for (;;) {
    const end = pending.indexOf(10);
    if (end >= 0) {
      const line = pending.subarray(0, end).toString();
      pending = Buffer.from(pending.subarray(end + 1));
      return line;
    }
    let count = 0;
    try {
      count = fs.readSync(0, chunk);
    } catch (error) {
      if (error.code === 'EAGAIN') continue;
      throw error;
    }
    if (count === 0) process.exit(0);
    pending = Buffer.concat([pending, chunk.subarray(0, count)]);
  }
}

function writeLine(message) {
  const bytes = Buffer.from(JSON.stringify(message) + '\n');
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(1, bytes, done);
}

// Integers travel as decimal strings of their kind, other numbers as the 16 digits of their bits.
function encode(value) {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap(encode);
  if (typeof value === 'bigint') return [['i', value.toString()]];
  if (Number.isInteger(value) && !Object.is(value, -0)) return [['i', BigInt(value).toString()]];
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return [['f', bits.toString('hex')]];
}

function decode([kind, text]) {
  if (kind === 'i') return Number(text);
  if (kind === 'I') return BigInt(text);
  return Buffer.from(text, 'hex').readDoubleBE();
}

let instance = null;

function memory() {
  return Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory);
}

function importFunction(module, name) {
  return (...args) => {
    writeLine({ import: [module, name], args: args.flatMap(encode) });
    const answer = serve(true);
    if (answer.op === 'raise') throw new Error(answer.message);
    return answer.value === null ? undefined : decode(answer.value);
  };
}

function perform(request) {
  switch (request.op) {
    case 'load': {
      const compiled = new WebAssembly.Module(fs.readFileSync(request.path));
      const imports = {};
      for (const { module, name, kind } of WebAssembly.Module.imports(compiled)) {
        if (kind !== 'function') throw new Error(`import ${module}.${name} is a ${kind}`);
        (imports[module] ??= {})[name] = importFunction(module, name);
      }
      instance = new WebAssembly.Instance(compiled, imports);
      return {};
    }
    case 'call': {
      const args = request.args.map(decode);
      try {
        return { result: encode(instance.exports[request.name](...args)) };
      } catch (error) {
        if (error instanceof WebAssembly.RuntimeError || error instanceof Error) return { trap: String(error) };
        throw error;
      }
    }
    case 'read':
      return { hex: Buffer.from(memory().buffer, request.pointer, request.size).toString('hex') };
    case 'write':
      Buffer.from(memory().buffer).set(Buffer.from(request.hex, 'hex'), request.pointer);
      return {};
    case 'digest': {
      const bytes = Buffer.from(memory().buffer);
      return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }
  }
  throw new Error(`unknown operation ${request.op}`);
}

// Serves requests; inside an import it ends with the answer of the import.
function serve(insideImport) {
  for (;;) {
    const request = JSON.parse(readLine());
    if (insideImport && (request.op === 'return' || request.op === 'raise')) return request;
    let reply;
    try {
      reply = perform(request);
    } catch (error) {
      reply = { error: String(error) };
    }
    writeLine(reply);
  }
}

serve(false);
