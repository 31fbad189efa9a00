/**
 * Draws the picture of the README from what `npm run demo` really prints: runs it in a terminal of its own, and writes
 * every line, with its colours, into an SVG in which the lines appear one after the other, slower than they came.
 *
 *     npm run picture
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { ROOT } from './lib/sandbox.mjs';

const COLUMNS = 104;
const FONT_PX = 13;
const LINE_PX = 19;
const CHAR_PX = 7.83;
const PADDING_PX = 18;
const BAR_PX = 30;
/** People read slower than agents talk. */
const SLOWER = 3;
const LINE_GAP_S = 0.4;

/** What the demo uses of a terminal's colours. */
/** @type {Record<string, string>} */
const CLASSES = { 1: 'b', 2: 'd', 31: 'r', 32: 'g', 35: 'm', 36: 'c' };
const ENDS = new Set(['0', '22', '39']);
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const SGR = /\u001b\[(\d*)m/;

/** @returns {Promise<{ ms: number, text: string }[]>} the lines, with the time at which each came */
function record() {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', TERM: 'xterm-256color' };
  // wide: lines are cut here, where what is cut can be marked
  const demo = spawn(process.execPath, [join(ROOT, 'scripts', 'demo.mjs')], { cols: 400, rows: 60, cwd: ROOT, env });
  const start = performance.now();
  const lines = /** @type {{ ms: number, text: string }[]} */ ([]);
  let rest = '';
  demo.onData((data) => {
    const parts = (rest + data).split('\r\n');
    rest = parts.pop() ?? '';
    for (const text of parts) lines.push({ ms: performance.now() - start, text });
  });
  return new Promise((resolve, reject) => {
    demo.onExit(({ exitCode }) => {
      if (exitCode === 0) resolve(lines);
      else reject(new Error(`the demo ended with code ${exitCode}`));
    });
  });
}

/** @param {string} text */
function escapeXml(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/**
 * @param {string} line with escape sequences
 * @returns {string} as SVG text spans, cut to the picture's width
 */
function spans(line) {
  let style = '';
  let column = 0;
  const drawn = [];
  for (const [i, part] of line.split(SGR).entries()) {
    if (i % 2 === 1) {
      style = ENDS.has(part) || part === '' ? '' : (CLASSES[part] ?? style);
      continue;
    }
    const end = column + part.length;
    const text = end <= COLUMNS ? part : column < COLUMNS ? `${part.slice(0, COLUMNS - 1 - column)}…` : '';
    column = end;
    if (text !== '') drawn.push(`<tspan${style === '' ? '' : ` class="${style}"`}>${escapeXml(text)}</tspan>`);
  }
  return drawn.join('');
}

const lines = await record();
while (lines[0]?.text === '') lines.shift();
const width = Math.round(COLUMNS * CHAR_PX + 2 * PADDING_PX);
const height = BAR_PX + (lines.length + 2) * LINE_PX + PADDING_PX;
let at = 0;
const screen = [{ ms: 0, text: '\u001b[2m$\u001b[22m npm run demo' }, { ms: 0, text: '' }, ...lines];
const drawn = screen.flatMap(({ ms, text }, i) => {
  if (text === '') return [];
  at = Math.max(at + LINE_GAP_S, (ms * SLOWER) / 1000);
  const y = BAR_PX + PADDING_PX + i * LINE_PX;
  return `<text x="${PADDING_PX}" y="${y}" style="animation-delay:${at.toFixed(2)}s">${spans(text)}</text>`;
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" xml:space="preserve">
<title>npm run demo: two agents talk while their broker is killed; nothing is lost</title>
<style>
text { font: ${FONT_PX}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d4d7dc; white-space: pre; opacity: 0; animation: show 0.01s linear forwards }
.b { font-weight: bold; fill: #ffffff } .d { fill: #8b929c } .r { fill: #ff7b72 } .g { fill: #7ee787; font-weight: bold } .m { fill: #d2a8ff } .c { fill: #79c0ff }
@keyframes show { to { opacity: 1 } }
@media (prefers-reduced-motion: reduce) { text { animation: none; opacity: 1 } }
</style>
<rect width="100%" height="100%" rx="8" fill="#161b22"/>
<circle cx="20" cy="16" r="5" fill="#ff5f57"/><circle cx="38" cy="16" r="5" fill="#febc2e"/><circle cx="56" cy="16" r="5" fill="#28c840"/>
${drawn.join('\n')}
</svg>
`;
writeFileSync(join(ROOT, 'docs', 'demo.svg'), svg);
console.log(`docs/demo.svg: ${lines.length} lines, ${Math.round(svg.length / 1024)} KB, ${at.toFixed(0)} s`);
