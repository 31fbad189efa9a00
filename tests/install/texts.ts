/** Configuration texts as people leave them: comments, any order, either line end, no final newline. */
import fc from 'fast-check';

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
const lineEnd = fc.constantFrom('\n', '\r\n');
const comment = fc.constantFrom('', '', ' # why', ' # "quoted" = [x]', '\t# ünïcode ☃');
const scalar = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom(
    'true',
    'false',
    '1.5',
    '2024-01-01T00:00:00Z',
    '"plain"',
    "'lit # eral'",
    '"esc \\" \\\\ \\u263a"',
    '"a=b"',
  ),
  fc.constantFrom('[1, 2]', '["a", "b",]', '{ x = 1, y = "z" }', '"""\nmulti\n[not.a.table]\n"""'),
);

const pairs = fc.uniqueArray(fc.tuple(word, scalar, comment), { maxLength: 4, selector: ([name]) => name });

interface Table {
  readonly head: string;
  readonly body: readonly (readonly [string, string, string])[];
}

const tables = fc.uniqueArray(
  fc.record<Table>({
    head: fc.oneof(
      word.map((name) => `[t_${name}]`),
      word.map((name) => `[mcp_servers.${name}]`),
      word.map((name) => `[mcp_servers."${name} x"]`),
      word.map((name) => `[ spaced . ${name} ]`),
      fc.constantFrom('[projects."/home/ada/x.y"]', '[hooks.state."/home/ada/.codex/config.toml:stop:7:0"]', '[tui]'),
    ),
    body: pairs,
  }),
  { maxLength: 5, selector: ({ head }) => head },
);

const userHook = fc.constantFrom(
  '',
  '[[hooks.Stop]]\nmatcher = "x" # mine\n[[hooks.Stop.hooks]]\ntype = "command"\ncommand = "say done"\n',
  '[[hooks.Other]]\nx = 1\n\n[[hooks.Other]]\nx = 2\n',
);

/** A valid config.toml. */
export const tomlText: fc.Arbitrary<string> = fc
  .record({
    top: pairs,
    tables,
    userHook,
    eol: lineEnd,
    gap: fc.constantFrom('', '\n', '\n\n', '# between\n'),
    final: fc.boolean(),
  })
  .filter(({ tables: all, userHook: hook }) => hook === '' || !all.some(({ head }) => head.includes('hooks.state')))
  .map(({ top, tables: all, userHook: hook, eol, gap, final }) => {
    const lines = (body: Table['body']) => body.map(([name, value, note]) => `${name} = ${value}${note}\n`).join('');
    const text = lines(top) + gap + all.map(({ head, body }) => `${head}\n${lines(body)}${gap}`).join('') + hook;
    return finish(text, eol, final);
  });

const jsonScalar = fc.oneof(
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('plain', 'with "quotes" // no comment', '☃', '{"not":"json"}', 'a\\b'),
);
const jsonValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    jsonScalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(word, tie('value'), { maxKeys: 3 }),
  ),
})).value;

const server = fc.constantFrom({}, { x: { command: 'y', args: ['z'] } });
const userHooks = fc.constantFrom(
  {},
  { Stop: [] },
  { Stop: [{ hooks: [{ type: 'command', command: 'say done' }] }], PreToolUse: [{ matcher: 'Edit', hooks: [] }] },
);

/** A valid settings file of a client that takes comments and trailing commas. */
export const jsonText: fc.Arbitrary<string> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('', '{}', '{ }', '{}\n', '\ufeff{}', '{\n}\n', '  \n', '{ // nothing\n}') },
  {
    weight: 9,
    arbitrary: fc
      .record({
        own: fc.dictionary(word, jsonValue, { maxKeys: 4 }),
        known: fc.record({ mcpServers: server, hooks: userHooks, servers: server }, { requiredKeys: [] }),
        first: fc.boolean(),
        indent: fc.constantFrom(undefined, 2, 4, '\t'),
        eol: lineEnd,
        final: fc.boolean(),
        notes: fc.boolean(),
      })
      .map(({ own, known, first, indent, eol, final, notes }) => {
        const plain = JSON.stringify(first ? { ...known, ...own } : { ...own, ...known }, null, indent);
        const text = notes && plain.includes('\n') ? annotated(plain) : plain;
        return finish(`${text}\n`, eol, final);
      }),
  },
);

/** Comments on lines of their own and behind others, and a comma too many. */
function annotated(text: string): string {
  const lines = text.split('\n');
  const noted = lines.map((line, index) => (index % 3 === 1 ? `${line} // note, with comma` : line));
  noted.splice(1, 0, '  /* block', '  comment } */');
  const last = noted.length - 2;
  if (last > 2 && /["\d\]}el]$/.test(noted[last] ?? '')) noted[last] += ',';
  return noted.join('\n');
}

/** A start file, as bytes one to a character: not every one is UTF-8. */
export const shellText: fc.Arbitrary<string> = fc
  .record({
    lines: fc.array(
      fc.constantFrom(
        'export A=1',
        "alias ll='ls -l'",
        "alias agentpeers='echo mine'",
        '# comment with caf\u00e9 in latin1',
        'if true; then',
        'fi',
        '',
        'echo "a \\',
        'b"',
        'cat <<EOF\n$x\nEOF',
      ),
      { maxLength: 6 },
    ),
    eol: lineEnd,
    final: fc.boolean(),
  })
  .map(({ lines, eol, final }) => finish(lines.map((line) => `${line}\n`).join(''), eol, final));

function finish(text: string, eol: string, final: boolean): string {
  const ended = final ? text : text.replace(/\n$/, '');
  return ended.replaceAll('\n', eol);
}
