/**
 * Builds dist/: tsc writes the library with its types, then esbuild replaces the entries by bundles, since a session
 * that is made of 200 files starts twice as slowly as one that is made of three.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, process.argv[2] ?? 'dist');
const entries = ['broker', 'claude-server', 'codex-server', 'cli'];

rmSync(dist, { recursive: true, force: true });
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
execFileSync(
  process.execPath,
  [join(typescript, 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json'), '--outDir', dist],
  { stdio: 'inherit', cwd: root },
);
/** The protocol library loads a JSON Schema validator that only elicitation needs; a session never asks for that. */
const withoutValidator = {
  name: 'without-validator',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /validation\/ajv-provider\.js$/ }, ({ path }) => ({ path, namespace: 'without-validator' }));
    onLoad({ filter: /.*/, namespace: 'without-validator' }, () => ({
      contents: 'export class AjvJsonSchemaValidator {}',
    }));
  },
};

await build({
  absWorkingDir: root,
  entryPoints: entries.map((name) => `${name}.ts`),
  outdir: dist,
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  allowOverwrite: true,
  // what is parsed at every start should be short; the library beside the entries keeps its names
  minify: true,
  legalComments: 'none',
  // native, or only loaded when a key is set
  external: ['better-sqlite3', 'openai'],
  // some dependencies are CommonJS and call require() for Node's own modules
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  },
  plugins: [withoutValidator],
  logLevel: 'warning',
});
for (const name of entries) chmodSync(join(dist, `${name}.js`), 0o755);
