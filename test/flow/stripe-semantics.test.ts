import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { isKnownStatus } from '../../src/entitlements/core/stripe-statuses.ts';
import { type Shop, startShop } from '../helpers/shop.ts';
import { renderDocument } from '../scenarios/document.ts';
import { statusRules } from '../scenarios/status-rules.ts';
import { groups } from '../scenarios/table.ts';
import { selectEvents } from '../scenarios/telling.ts';

/*
 * The table of Stripe histories, each ending in the right access; docs/stripe-semantics.md is
 * rendered from it. `npx vitest run test/flow/stripe-semantics.test.ts -u` writes the document anew.
 */

let shop: Shop;
let counter = 0;

beforeAll(async () => {
  shop = await startShop();
  selectEvents(shop);
});
afterAll(() => shop.close());
afterEach(async () => {
  vi.restoreAllMocks();
  shop.sandbox.faults.clear();
  await shop.sandbox.billing.setDunning({ retryDays: [3, 5, 14], then: 'cancel' });
  await endEverything();
});

/** The objects of a scenario would renew monthly while later scenarios move the clock. */
async function endEverything(): Promise<void> {
  for await (const { id, status } of shop.stripe.subscriptions.list({ limit: 100 })) {
    if (status !== 'incomplete_expired') await shop.stripe.subscriptions.cancel(id);
  }
  await shop.settle();
}

for (const { subject, scenarios } of groups) {
  describe(subject, () => {
    for (const scenario of scenarios) {
      it(scenario.title, async () => {
        counter += 1;
        await scenario.run(shop, `u_${counter}`);
        expect.hasAssertions();
      });
    }
  });
}

const scenarios = groups.flatMap((group) => group.scenarios);
const repository = path.resolve(import.meta.dirname, '../..');

describe('docs/stripe-semantics.md', () => {
  it('says what the scenarios and the table of events say', async () => {
    const file = path.join(repository, 'docs/stripe-semantics.md');
    await expect(await renderDocument(groups, file)).toMatchFileSnapshot(file);
  });

  it('has a history for every status that it speaks of, and the other way round', () => {
    const shown = new Set(scenarios.flatMap(({ status }) => status ?? []));
    expect(new Set(statusRules.map(({ status }) => status))).toEqual(shown);
    expect(
      statusRules.filter(({ status }) => status !== 'unknown').map(({ status }) => status),
    ).toSatisfy((known: string[]) => known.every(isKnownStatus));
  });

  it('names no rule twice, and no place of ours that does not exist', () => {
    const titles = scenarios.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    const missing = scenarios
      .map(({ basis }) => /^design: ([^#]*)#?(.*)$/.exec(basis))
      .filter((named) => named !== null)
      .filter(([, file = '', anchor = '']) => !hasAnchor(path.join(repository, file), anchor));
    expect(missing.map(([basis]) => basis)).toEqual([]);
  });
});

/** Whether a document has a heading with the anchor, or exists at all where none is asked for. */
function hasAnchor(file: string, anchor: string): boolean {
  if (!existsSync(file)) return false;
  const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)];
  return (
    anchor === '' ||
    headings.some(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-') === anchor)
  );
}
