/** What a person sees on a terminal: widths, colours, and the moments at which the command waits. */
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Io } from '../../cli/io.ts';
import { run } from '../../cli/program.ts';
import { displayWidth, wrap } from '../../cli/width.ts';
import { forTerminal, peerText } from '../../shared/peer-text.ts';
import { type Agent, BROKER_ENTRY, CliSandbox } from './helpers.ts';

let sandbox: CliSandbox;
let falcon: Agent;
let operator: string;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
  falcon = await sandbox.join('brave-falcon', { cwd: `/srv/${'deep/'.repeat(30)}shop`, branch: 'main' });
  await falcon.update({ summary: `日本語の要約 🚀 ${'and more words '.repeat(20)}`, tags: ['web'] });
  await sandbox.join('a-name-as-long-as-a-name-can-get', { kind: 'codex' });
  operator = await sandbox.operatorId(falcon);
});
afterAll(() => sandbox.close());

/** Runs the command in this process, as if on a terminal. */
async function onTerminal(args: readonly string[], more: Partial<Io> = {}): Promise<{ code: number; out: string }> {
  let out = '';
  const sink: Io['stdout'] = {
    write: (text, done) => {
      out += text;
      done();
    },
  };
  const code = await run(args, {
    stdout: sink,
    stderr: sink,
    stdin: (async function* () {})(),
    env: sandbox.env,
    cwd: () => sandbox.home,
    isTTY: true,
    columns: 80,
    now: Date.now,
    sleep: () => Promise.reject(new Error('nothing was to wait here')),
    brokerEntry: BROKER_ENTRY,
    runtime: { name: 'node', version: process.versions.node, path: process.execPath },
    platform: process.platform,
    terminal: undefined,
    ...more,
  });
  return { code, out };
}

describe('colour', () => {
  it('is used on a terminal', async () => {
    expect((await onTerminal(['peers'])).out).toContain('\u001b[');
    expect((await onTerminal(['send', 'nobody-here', 'hi'])).out).toContain('\u001b[31merror:');
  });

  it.each([
    ['not with NO_COLOR', { env: { NO_COLOR: '1' } }],
    ['not on a dumb terminal', { env: { TERM: 'dumb' } }],
    ['not in a file or pipe', { isTTY: false, columns: undefined }],
  ])('%s', async (_, { env, ...more }: { env?: Record<string, string>; isTTY?: boolean }) => {
    expect((await onTerminal(['peers'], { ...more, env: { ...sandbox.env, ...env } })).out).not.toContain('\u001b');
  });

  it('not in JSON', async () => {
    expect((await onTerminal(['peers', '--json'])).out).not.toContain('\u001b');
  });
});

describe('width', () => {
  it.each([72, 80, 100, 140, 250])('a table fits %d columns', async (columns) => {
    const { out } = await onTerminal(['peers'], { columns });
    const lines = stripVTControlCharacters(out).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    expect(out).toContain('日本語');
    expect(out).toContain('…');
  });

  it('spares what matters least first', async () => {
    const narrow = stripVTControlCharacters((await onTerminal(['peers'], { columns: 90 })).out);
    expect(narrow).toMatch(/^NAME +KIND +STATE .*ABOUT$/m);
    expect(narrow).not.toMatch(/\bID\b|PUSH/);
    const wide = stripVTControlCharacters((await onTerminal(['peers'], { columns: 250 })).out);
    expect(wide).toMatch(/FOLDER +BRANCH +PUSH +ID +ABOUT/);
    expect(wide).toMatch(/…\S*deep\/shop +main/);
  });

  it('wraps a message behind its bar', async () => {
    await falcon.send(operator, `${'word '.repeat(40)}\n${'日'.repeat(100)}\nlast`);
    const { out } = await onTerminal(['inbox'], { columns: 40 });
    const lines = stripVTControlCharacters(out).split('\n');
    const text = lines.filter((line) => line.startsWith('  │ '));
    expect(text.length).toBeGreaterThan(10);
    for (const line of text) expect(displayWidth(line)).toBeLessThanOrEqual(40);
    expect(text.at(-1)).toBe('  │ last');
    expect(text.join('').match(/日/g)).toHaveLength(100);
  });
});

describe('the width of text', () => {
  it.each([
    ['ASCII', 'abc', 3],
    ['Latin, Cyrillic, Hebrew', 'üЖא', 3],
    ['Han, kana, Hangul', '日カ한', 6],
    ['emoji, and those that some terminals join', '🚀👩‍👩', 2 + 2 + 1 + 2],
    ['a keycap, which some draw wide', '1️⃣', 3],
    ['a number sign that some show in one column', '\u0600', 1],
    ['a combining mark that some show by itself', 'e\u0301', 2],
    ['symbols that newer terminals draw wide', '䷀𝌆㈱﹏', 8],
  ])('is never less than a terminal takes: %s', (_, text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it('leaves no line that is wider than it may be, and no word out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (text, columns) => {
        const clean = forTerminal(peerText(text)).replaceAll('\t', ' ');
        const lines = wrap(clean, columns);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replace(/\s/gu, '')).toBe(clean.replace(/\s/gu, ''));
      }),
    );
  });
});

describe('waiting for the first message', () => {
  it('looks once a second until somebody writes', async () => {
    const slept: number[] = [];
    const { code, out } = await onTerminal(['inbox', '--wait', '60'], {
      sleep: async (ms) => {
        slept.push(ms);
        if (slept.length === 3) await falcon.send(operator, 'here I am');
      },
    });
    expect(code).toBe(0);
    expect(out).toContain('here I am');
    expect(slept).toEqual([1000, 1000, 1000]);
  });

  it('outlives a broker that is replaced meanwhile', async () => {
    const { code, out } = await onTerminal(['inbox', '--wait', '60'], {
      sleep: async () => {
        await sandbox.endBroker();
        await sandbox.startBroker();
        await (await sandbox.join('quick-heron')).send(operator, 'the new broker has it');
      },
    });
    expect(code).toBe(0);
    expect(out).toContain('the new broker has it');
  });
});
