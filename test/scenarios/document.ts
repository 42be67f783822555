import { format, resolveConfig } from 'prettier';
import { eventRules, type Urgency } from '../../src/webhook/core/events.ts';
import type { Scenario, ScenarioGroup } from './scenario.ts';
import { statusRules } from './status-rules.ts';

const introduction = `# Stripe's semantics, as Latchkey has them

What happens at Stripe, and what a user may then use: **every row below is a test.** Each one plays a history on a stand-in for Stripe ([the sandbox](sandbox.md)), over HTTP and through Stripe's own SDK, delivers the webhooks to the real service on a real Postgres and Redis with a clock that the test moves, and ends with the question that an app would ask: what is this user entitled to now? The tests are in \`test/scenarios\`, run by \`test/flow/stripe-semantics.test.ts\`.

This page is rendered from the tests and from the table of events that the service itself goes by, and the test run fails where it differs. In all of them the sandbox tells of the events of that table and of no others, so these are enough. After a change of the scenarios or of the table of events:

\`\`\`sh
npx vitest run test/flow/stripe-semantics.test.ts -u
\`\`\`

_Basis_ is where a rule comes from: a page of Stripe's, or a choice of ours and the place where it is told. How it all works is in [architecture.md](architecture.md).`;

const randomHistories = `## Random histories

The rows above were written by hand. Beside them \`test/flow/convergence.test.ts\` makes up histories of 3 to 25 actions by three users: they subscribe, change plans, cancel and think better of it, pause, pay, fail to pay, get refunds, dispute charges and are deleted; operators grant, revoke and edit the catalog; time passes. The news of it comes in any order, several times, late or not at all, to one to three workers that die between any two steps, while Stripe limits or fails requests. Two instances of the service share the work and the operators; their clocks are up to 90 s apart at first, and are set by up to 240 s, forward and back. After a grant or a block on one, the other has to show it. In the end, a millisecond before, at and after each instant at which anything changes, the answers have to be those of an oracle that reads the sandbox's objects alone and shares no rule with the service. What was lost on the way is fetched once more before, as reconciliation does.

\`npm test\` plays 150 of them and prints the seed of one that fails. \`npm run test:convergence -- --runs 5000 --seed 20261124\` was run on 2026-11-24, at commit 78475d3, in two halves beside each other (2,500 from seed 20261124, 2,500 from 20261134; 65 minutes on two cores): all 5,000 passed. The runs before it, on the way there, found one fault, of the sandbox, which let an ended subscription be resumed.`;

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
    randomHistories,
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
      leads.map(({ objectType }) => objectType).join(', '),
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
