/** What the files of the commands have in common: how one joins the program, and how its help ends. */
import type { Command } from 'commander';
import type { Context } from './context.ts';

/** Adds the commands of one file to the program. */
export type CommandGroup = (program: Command, context: Context) => void;

/** The examples at the end of a command's help: what to type, and what comes of it. */
export function examples(...lines: readonly (readonly [command: string, purpose: string])[]): string {
  return ['', 'Examples:', ...lines.map(([command, purpose]) => `  ${command}\n      ${purpose}`)].join('\n');
}
