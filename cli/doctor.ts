/** `agent-peers doctor`: looks at everything that has to work, proves it with a message, and names what to do. */
import { PeersError } from '../shared/errors.ts';
import { cleanLine } from '../shared/text.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import type { Area, Finding } from './doctor/finding.ts';

const AREAS: Record<Area, string> = {
  program: 'Program',
  broker: 'Broker',
  clients: 'Clients',
  delivery: 'Delivery',
  processes: 'Processes',
};

export const doctorCommand: CommandGroup = (program, context) => {
  program
    .command('doctor')
    .description('Check the whole installation, up to a message between two sessions; say what to do where it fails.')
    .addHelpText(
      'after',
      examples(
        ['agent-peers doctor', 'exit code 0 when everything works, 1 when something does not'],
        ['agent-peers doctor --json', 'for programs'],
      ),
    )
    .action(async () => {
      const findings = await examine(context);
      const errors = findings.filter(({ level }) => level === 'error').length;
      await context.print({ healthy: errors === 0, findings }, () => render(findings, context));
      if (errors > 0) {
        throw new PeersError(
          'unhealthy',
          `${errors} ${errors === 1 ? 'thing does' : 'things do'} not work.`,
          'What to do stands under each of them.',
        );
      }
    });
};

async function examine(context: Context): Promise<Finding[]> {
  // loaded here: what the other commands do not need does not slow them down
  const [{ programFindings }, { brokerFindings }, { clientReport }, { deliveryFindings }, { processFindings }] =
    await Promise.all([
      import('./doctor/program.ts'),
      import('./doctor/broker.ts'),
      import('./doctor/clients.ts'),
      import('./doctor/delivery.ts'),
      import('./doctor/processes.ts'),
    ]);
  const { io } = context;
  // before anything is started here that could be taken for a left-over
  const processes = await processFindings(context);
  const clients = await clientReport(io);
  return [
    ...programFindings(io),
    ...(await brokerFindings(context)),
    ...clients.findings,
    ...(await deliveryFindings(clients.registered, io)),
    ...processes,
  ];
}

function render(findings: readonly Finding[], { colors }: Context): string {
  const marks = { ok: colors.green('✓'), warning: colors.yellow('!'), error: colors.red('✗') };
  const areas = (Object.keys(AREAS) as Area[]).flatMap((area) => {
    const own = findings.filter((finding) => finding.area === area);
    if (own.length === 0) return [];
    const lines = own.flatMap(({ level, text, remedy }) => [
      `  ${marks[level]} ${cleanLine(text)}`,
      ...(remedy === null ? [] : [`    ${colors.dim('→')} ${cleanLine(remedy)}`]),
    ]);
    return [[colors.bold(AREAS[area]), ...lines].join('\n')];
  });
  return areas.join('\n\n');
}
