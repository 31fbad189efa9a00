/** What `install` and `uninstall` tell: for programs as one document, for people a line per file. */
import type { ErrorBody, PeersError } from '../../shared/errors.ts';
import { cleanLine } from '../../shared/text.ts';
import type { Context } from '../context.ts';
import { folder } from '../peer-table.ts';
import type { Applied } from './apply.ts';
import { diffOf, type Plan, type Step } from './plan.ts';

export interface FileReport {
  readonly path: string;
  readonly purpose: string;
  readonly outcome: 'changed' | 'unchanged' | 'would_change' | 'refused';
  readonly diff?: string;
  readonly backup?: string | null;
  readonly error?: ErrorBody;
}

export interface Report {
  readonly dry_run: boolean;
  readonly files: readonly FileReport[];
  /** What is left for the person to do or to know. */
  readonly notes: readonly string[];
}

export function reportOf(plan: Plan, done: ReadonlyMap<Step, Applied | PeersError>, notes: readonly string[]): Report {
  const dry = done.size === 0 && plan.steps.length > 0;
  const changed = plan.steps.map((step): FileReport => {
    const { path, purpose } = step.edit;
    const applied = done.get(step);
    if (applied === undefined) return { path, purpose, outcome: 'would_change', diff: diffOf(step) };
    if ('backup' in applied) return { path, purpose, outcome: 'changed', backup: applied.backup };
    return { path, purpose, outcome: 'refused', error: applied.toBody() };
  });
  const same = plan.settled.map(({ path, purpose }): FileReport => ({ path, purpose, outcome: 'unchanged' }));
  const refused = plan.refused.map(
    ({ edit: { path, purpose }, error }): FileReport => ({ path, purpose, outcome: 'refused', error: error.toBody() }),
  );
  return { dry_run: dry, files: [...changed, ...same, ...refused], notes };
}

export function renderReport(report: Report, { colors, io }: Context): string {
  const short = (path: string) => folder(cleanLine(path), io.env['HOME']);
  const lines = report.files.flatMap((file) => {
    const name = `${short(file.path)}  ${colors.dim(file.purpose)}`;
    switch (file.outcome) {
      case 'would_change':
        return [`${colors.yellow('~')} ${name}`, paintDiff(file.diff ?? '', colors), ''];
      case 'changed':
        return [
          `${colors.green('✓')} ${name}`,
          ...(file.backup ? [colors.dim(`  as it was: ${short(file.backup)}`)] : []),
        ];
      case 'unchanged':
        return [`${colors.dim('=')} ${name}`];
      case 'refused':
        return [
          `${colors.red('✗')} ${name}`,
          `  ${cleanLine(file.error?.message ?? '')}`,
          `  ${colors.dim(cleanLine(file.error?.hint ?? ''))}`,
        ];
    }
    return [];
  });
  return [...lines, ...(report.notes.length === 0 ? [] : ['', ...report.notes])].join('\n');
}

function paintDiff(diff: string, colors: Context['colors']): string {
  return diff
    .split('\n')
    .map((line) => {
      if (line.startsWith('+++') || line.startsWith('---')) return colors.bold(line);
      if (line.startsWith('+')) return colors.green(line);
      if (line.startsWith('-')) return colors.red(line);
      return line.startsWith('@@') ? colors.cyan(line) : line;
    })
    .join('\n');
}
