import { format, resolveConfig } from 'prettier';
import { eventRules, type Urgency } from '../../src/webhook/core/events.ts';
import type { Scenario, ScenarioGroup } from './scenario.ts';
import { statusRules } from './status-rules.ts';

const introduction = `# How Latchkey treats Stripe's states and events

What happens at Stripe, and what a user may then use: **every row below is a test.** Each test plays a history on a stand-in for Stripe ([the sandbox](sandbox.md)), over HTTP and through Stripe's own SDK. It delivers the webhooks to the real service on a real Postgres and Redis, moves the clock, and asks what an app would ask: what is this user entitled to now? The tests are in \`test/scenarios\`, run by \`test/flow/stripe-semantics.test.ts\`.

This page is generated from the tests and from the service’s own table of events, and the tests fail if it differs. In all scenarios the sandbox sends only the events of that table, so these are sufficient. After a change of the scenarios or of the table of events:

\`\`\`sh
npx vitest run test/flow/stripe-semantics.test.ts -u
\`\`\`

_Basis_ is the source of a rule: a page of Stripe's, or our own documentation. [architecture.md](architecture.md) explains how it works.`;

const randomHistories = `## Random histories

The rows above were written by hand. In addition, \`test/flow/convergence.test.ts\` generates histories of 3 to 25 actions by three users: they subscribe, change plans, cancel and withdraw it, pause, pay, fail to pay, get refunds, dispute charges and are deleted; operators grant, revoke and edit the catalog; time passes. The events arrive in any order, several times, late or not at all, at one to three workers that die between any two steps, while Stripe limits or fails requests. Two instances of the service share the work and the operators; their clocks are up to 90 s apart at first, and are set by up to 240 s, forward and back. After a grant or a block on one instance, the other must show it. At the end, lost events are fetched once more, as reconciliation does. Then the answers a millisecond before, at and after each change must equal those of an oracle that reads only the sandbox's objects and shares no rule with the service.

\`npm test\` plays 150 of them and prints the seed of one that fails. \`npm run test:convergence -- --runs 5000 --seed 20261124\` was run on 2026-11-24, at commit 78475d3, in two concurrent halves (2,500 from seed 20261124, 2,500 from 20261134; 65 minutes on two cores): all 5,000 passed. Earlier runs found one fault, in the sandbox, which let an ended subscription be resumed.`;

/**
 * Renders docs/stripe-semantics.md, formatted as `npm run format` would.
 *
 * @param path of the document
 */
export async function renderDocument(
  groups: readonly ScenarioGroup[],
  path: string,
): Promise<string> {
  const parts = [
    introduction,
    '## Statuses and access',
    statusTable(groups),
    'The window of a subscription ends at `ended_at`, else at `cancel_at`, else, with `cancel_at_period_end`, with the earliest period of its items, else not at all. Latchkey’s clock ends it, even before Stripe’s event arrives.',
    '## Events and objects',
    'Only the ids in an event’s payload are used; the fetched objects count. An event is processed when its first object was fetched.',
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
    Object.entries(eventRules).map(([type, { targets, urgency }]) => [
      `\`${type}\``,
      targets.map(({ objectType }) => objectType).join(', '),
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

/** Links a basis from within docs/, such as `design: docs/architecture.md#merge-rules`. */
function basisLink(basis: string): string {
  const own = /^design: docs\/(.*)$/.exec(basis)?.[1];
  if (own !== undefined) return `[${own}](${own})`;
  const { pathname, hash } = new URL(basis);
  return `[Stripe: ${pathname.slice(1)}${hash}](${basis})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
