/** Bun's test runner brings its types in a package of its own; this is what the tests here use of it. */
declare module 'bun:test' {
  type Runner = import('../store/runner.ts').Runner;
  export const describe: Runner['describe'];
  export const it: Runner['it'];
  export const expect: Runner['expect'];
}
