import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { dunningAnchor } from '../../../src/mirror/core/money-from-stripe.ts';

const day = 86_400;
const start = Date.parse('2026-11-01T00:00:00.000Z') / 1000;

interface Given {
  status: Stripe.Invoice['status'];
  /** Days after the start. */
  created: number;
  finalized?: number | null;
  due?: number;
  /** When it was given up. */
  givenUp?: number;
  /** Whether somebody tried to collect it. */
  attempted?: boolean;
}

/** Only the fields that the anchor reads; the rest of an invoice does not matter to it. */
function invoice({
  status,
  created,
  finalized = created,
  due,
  givenUp = created + 90,
  attempted = true,
}: Given): Stripe.Invoice {
  return {
    status,
    created: start + created * day,
    collection_method: due === undefined ? 'charge_automatically' : 'send_invoice',
    due_date: due === undefined ? null : start + due * day,
    attempted,
    status_transitions: {
      finalized_at: finalized === null ? null : start + finalized * day,
      marked_uncollectible_at: status === 'uncollectible' ? start + givenUp * day : null,
    },
  } as Stripe.Invoice;
}

function anchorDay(...given: Given[]): number | null {
  const anchor = dunningAnchor(given.map(invoice));
  return anchor === null ? null : (anchor.getTime() / 1000 - start) / day;
}

describe('the dunning anchor', () => {
  it('is when the unpaid invoice was finalized, not when it was made', () => {
    expect(anchorDay({ status: 'open', created: 30, finalized: 31 })).toBe(31);
  });

  it('is the due date of an invoice that was sent', () => {
    expect(anchorDay({ status: 'open', created: 30, due: 44 })).toBe(44);
  });

  it('stays at the first debt when the next renewal is not paid either', () => {
    expect(
      anchorDay(
        { status: 'open', created: 60 },
        { status: 'open', created: 30 },
        { status: 'paid', created: 0 },
      ),
    ).toBe(30);
  });

  it('is not moved back by an old forgotten invoice from before a payment', () => {
    expect(
      anchorDay(
        { status: 'open', created: 60 },
        { status: 'paid', created: 30 },
        { status: 'open', created: 0 },
      ),
    ).toBe(60);
  });

  it('counts a renewal that was a draft while an upgrade was made and paid', () => {
    expect(
      anchorDay(
        { status: 'paid', created: 30.02 },
        { status: 'open', created: 30, finalized: 30.04 },
        { status: 'paid', created: 0 },
      ),
    ).toBeCloseTo(30.04);
  });

  it('does not count what was finalized before a payment, be it made after', () => {
    expect(
      anchorDay(
        { status: 'open', created: 30.02 },
        { status: 'paid', created: 30, finalized: 30.04 },
      ),
    ).toBeNull();
  });

  it('goes by what was made last where two were finalized within a second', () => {
    const renewal = { created: 30, finalized: 30.04 };
    const upgrade = { created: 30.04 };
    expect(anchorDay({ status: 'open', ...renewal }, { status: 'paid', ...upgrade })).toBeNull();
    expect(anchorDay({ status: 'paid', ...renewal }, { status: 'open', ...upgrade })).toBeCloseTo(
      30.04,
    );
  });

  it('counts what was written off, and neither void ones nor drafts', () => {
    expect(anchorDay({ status: 'uncollectible', created: 30 })).toBe(30);
    expect(
      anchorDay({ status: 'void', created: 30 }, { status: 'draft', created: 31, finalized: null }),
    ).toBeNull();
  });

  it('does not count what was given up before anybody was asked to pay', () => {
    expect(anchorDay({ status: 'uncollectible', created: 30, attempted: false })).toBeNull();
    expect(anchorDay({ status: 'uncollectible', created: 30, due: 44, givenUp: 43 })).toBeNull();
    expect(anchorDay({ status: 'uncollectible', created: 30, due: 44, givenUp: 44 })).toBe(44);
  });

  it('is none where everything is paid, and where there is nothing', () => {
    expect(anchorDay({ status: 'paid', created: 30 })).toBeNull();
    expect(anchorDay()).toBeNull();
  });

  it('does not depend on the order in which Stripe lists', () => {
    const given: Given[] = [
      { status: 'open', created: 60 },
      { status: 'open', created: 90 },
      { status: 'paid', created: 30 },
    ];
    expect(anchorDay(...given)).toBe(anchorDay(...given.toReversed()));
  });
});
