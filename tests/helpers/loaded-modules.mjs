/**
 * Loaded into a process before its own code (`node --import`): when the process ends, it adds one JSON line to the file
 * that LOADED_MODULES names: its entry, the native modules it loaded, and which of Node's own for SQLite.
 */
import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';

const addons = [];
const load = process.dlopen;
process.dlopen = (module, path, ...more) => {
  addons.push(basename(path));
  return load.call(process, module, path, ...more);
};
process.once('exit', () => {
  const own = process.moduleLoadList.filter((name) => name === 'NativeModule sqlite');
  const line = { entry: basename(process.argv[1] ?? ''), loaded: [...addons, ...own] };
  appendFileSync(process.env['LOADED_MODULES'] ?? '', `${JSON.stringify(line)}\n`);
});
