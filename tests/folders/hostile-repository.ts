/**
 * Repositories as somebody else may have packed them: every setting that makes git run a program names one that leaves
 * a mark. The marks are in a folder of their own, one file for each setting.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HOOKS = ['post-index-change', 'fsmonitor-watchman', 'pre-auto-gc', 'post-checkout', 'reference-transaction'];

export class HostileRepository {
  readonly path: string;
  readonly #marks: string;
  readonly #env: Record<string, string>;

  private constructor(path: string, marks: string, env: Record<string, string>) {
    this.path = path;
    this.#marks = marks;
    this.#env = env;
  }

  /** A repository on branch `main` with one commit, and `changed.ts` changed since. Nothing hostile yet. */
  static make(home: string, name: string, env: Record<string, string>): HostileRepository {
    const path = join(home, name);
    const marks = join(home, `${name}-marks`);
    mkdirSync(path);
    mkdirSync(marks);
    const repository = new HostileRepository(path, marks, env);
    repository.git('init', '-q', '-b', 'main');
    repository.write('changed.ts', 'one\n');
    repository.write('kept.ts', 'kept\n');
    repository.commit('first');
    repository.write('changed.ts', 'two, longer\n');
    return repository;
  }

  /** As its owner would call it, with whatever its settings say. */
  git(...args: string[]): string {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com'];
    return execFileSync('git', [...identity, ...args], { cwd: this.path, env: this.#env, stdio: 'pipe' }).toString();
  }

  commit(message: string): void {
    this.git('add', '.');
    this.git('commit', '-qm', message);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  /** What was run, by the names of the settings. */
  get ran(): string[] {
    return readdirSync(this.#marks).sort();
  }

  /** Calls git as a person would: the marks that this leaves show what the repository can do. */
  provoke(): string[] {
    for (const args of [['status'], ['show', '--stat'], ['diff'], ['fetch', '--all']]) {
      try {
        this.git(...args);
      } catch {
        // a hostile setting may well make git fail
      }
    }
    const { ran } = this;
    for (const mark of ran) rmSync(join(this.#marks, mark));
    return ran;
  }

  /** A shell command that leaves this mark. */
  mark(name: string): string {
    return `touch ${join(this.#marks, name)};`;
  }

  /** Settings that run something at every occasion git knows. */
  settings(): string {
    const run = (name: string) => JSON.stringify(this.mark(name));
    return `[core]
	fsmonitor = ${run('fsmonitor')}
	hooksPath = ${this.#hooks()}
	pager = ${run('pager')}
	editor = ${run('editor')}
	askPass = ${run('askPass')}
	sshCommand = ${run('sshCommand')}
	gitProxy = ${run('gitProxy')}
	alternateRefsCommand = ${run('alternateRefsCommand')}
[credential]
	helper = ${JSON.stringify(`!${this.mark('credential')}`)}
[filter "hostile"]
	clean = ${run('clean')}
	smudge = ${run('smudge')}
	process = ${run('process')}
	required = true
[diff]
	external = ${run('diff.external')}
[diff "hostile"]
	textconv = ${run('textconv')}
	command = ${run('diff.command')}
[log]
	showSignature = true
[gpg]
	program = ${this.program('gpg')}
[alias]
	status = ${JSON.stringify(`!${this.mark('alias')}`)}
[pager]
	status = ${run('pager.status')}
	show = ${run('pager.show')}
[status]
	submoduleSummary = true
[remote "origin"]
	url = host:path
	uploadpack = ${run('uploadpack')}
`;
  }

  /** Every file goes through the filters and drivers that the settings name. */
  attributes(): void {
    this.write('.gitattributes', '* filter=hostile diff=hostile merge=hostile\n');
  }

  configure(text: string, file = '.git/config'): void {
    writeFileSync(this.at(file), text, { flag: 'a' });
  }

  /** A copy of the whole repository, as a folder in it. */
  copyInto(name: string): void {
    const copy = `${this.path}-copy`;
    cpSync(this.path, copy, { recursive: true });
    renameSync(copy, this.at(name));
  }

  /** A program that leaves this mark. @returns its path */
  program(name: string, folder = `${this.path}-programs`): string {
    const path = join(folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${this.mark(name)}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  #hooks(): string {
    const folder = `${this.path}-hooks`;
    for (const hook of HOOKS) this.program(hook, folder);
    return folder;
  }
}
