// Runs a WASI command under Node.js: node_wasi.mjs SETTINGS.json, with {path, args, env, preopens}.
import fs from 'node:fs';
import { WASI } from 'node:wasi';

const settings = JSON.parse(fs.readFileSync(process.argv[2]));
const wasi = new WASI({
  version: 'preview1',
  args: settings.args,
  env: settings.env,
  preopens: settings.preopens,
  returnOnExit: true,
});
const module = new WebAssembly.Module(fs.readFileSync(settings.path));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
