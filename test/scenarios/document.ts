import { format, resolveConfig } from 'prettier';
import { eventRules, type Urgency } from '../../src/webhook/events.ts';
import type { Scenario, ScenarioGroup } from './scenario.ts';
import { statusRules } from './status-rules.ts';

const introduction = `# Stripe's semantics, as Latchkey has them

What happens at Stripe, and what a user may then use: **every row below is a test.** Each one plays a history on a stand-in for Stripe ([the sandbox](sandbox.md)), over HTTP and through Stripe's own SDK, delivers the webhooks to the real service on a real Postgres and Redis with a clock that the test moves, and ends with the question that an app would ask: what is this user entitled to now? The tests are in \`test/scenarios\`, run by \`test/flow/stripe-semantics.test.ts\`.

This page is rendered from the tests and from the table of events that the service itself goes by, and the test run fails where it differs. In all of them the sandbox tells of the events of that table and of no others, so these are enough. After a change of the scenarios or of the table of events:

\`\`\`sh
npx vitest run test/flow/stripe-semantics.test.ts -u
\`\`\`

_Basis_ is where a rule comes from: a page of Stripe's, or a choice of ours and the place where it is told. How it all works is in [architecture.md](architecture.md).`;

/**
 * The text of docs/stripe-semantics.md, formatted as `npm run format` would.
 *
 * @param path where it is to stand
 */
export async function renderDocument(
  groups: readonly ScenarioGroup[],
  path: string,
): Promise<string> {
  const parts = [
    introduction,
    '## Statuses and access',
    statusTable(groups),
    'The window of a subscription ends at `ended_at`, else at `cancel_at`, else, with `cancel_at_period_end`, with the earliest period of its items, else not at all. The clock here ends it, whether or not Stripe has told of it yet.',
    '## Events and objects',
    'The payload of an event is trusted for the ids in it and for nothing else; what is fetched counts. An event is processed when its first object was fetched.',
    eventTable(),
    '## The histories',
    ...groups.flatMap(({ subject, scenarios }) => [`### ${subject}`, scenarioTable(scenarios)]),
  ];
  const options = await resolveConfig(path);
  return format(parts.join('\n\n'), { ...options, parser: 'markdown' });
}

function statusTable(groups: readonly ScenarioGroup[]): string {
  const scenarios = groups.flatMap((group) => group.scenarios);
  return table(
    ['status', 'access', 'histories'],
    statusRules.map(({ status, access }) => [
      status,
      access,
      String(scenarios.filter((scenario) => scenario.status === status).length),
    ]),
  );
}

const urgencies: Record<Urgency, string> = {
  0: 'at once',
  1: 'soon',
  2: 'when there is time',
};

function eventTable(): string {
  return table(
    ['event', 'object fetched', 'when'],
    Object.entries(eventRules).map(([type, { leads, urgency }]) => [
      `\`${type}\``,
      leads.map(({ follow }) => follow).join(', '),
      urgencies[urgency],
    ]),
  );
}

function scenarioTable(scenarios: readonly Scenario[]): string {
  return table(
    ['guaranteed', 'basis'],
    scenarios.map(({ title, basis }) => [title, basisLink(basis)]),
  );
}

/** `design: docs/architecture.md#merge-rules` becomes a link from within docs/. */
function basisLink(basis: string): string {
  const own = /^design: docs\/(.*)$/.exec(basis)?.[1];
  if (own !== undefined) return `[${own}](${own})`;
  const { pathname, hash } = new URL(basis);
  return `[Stripe: ${pathname.slice(1)}${hash}](${basis})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
