import { inMajorUnits } from './currency.ts';

/*
 * Reports as tables (RFC 4180): a line per figure, so that a new feature, price or currency is a new line
 * and never a new column.
 */

/** What a line says; an amount stands in minor units and as people write it. */
interface Figure {
  figure: string;
  of: string;
  currency: string;
  value: number;
}

type ByKey = Readonly<Record<string, number>>;

/** The figures of a report or of a day; those that are null have no lines. */
export interface Figures {
  subscriptions: {
    by_status: ByKey | null;
    by_product: ByKey | null;
    by_price: ByKey | null;
    new: number;
    churned: number;
    reactivated: number;
    trialing: number;
  };
  mrr: ByKey | null;
  mrr_apart: { trialing: ByKey; paused: ByKey; unpriced_items: number } | null;
  revenue: Readonly<
    Record<string, { gross: number; refunded: number; disputed: number; net: number }>
  >;
  payments: { failed: number; recovered: number };
  entitled_users: ByKey | null;
  grants_in_force: number | null;
}

/**
 * @param leading the columns that tell which report it is, and for each report what stands in them.
 */
export function toCsv(
  leading: readonly string[],
  reports: readonly { cells: readonly string[]; figures: Figures }[],
): string {
  const lines = [
    [...leading, 'figure', 'of', 'currency', 'value', 'amount'],
    ...reports.flatMap(({ cells, figures }) =>
      figuresOf(figures).map(({ figure, of, currency, value }) => [
        ...cells,
        figure,
        of,
        currency,
        String(value),
        currency === '' ? '' : inMajorUnits(BigInt(value), currency),
      ]),
    ),
  ];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

function figuresOf(figures: Figures): Figure[] {
  const { subscriptions, mrr_apart: apart, payments } = figures;
  const one = (figure: string, value: number | null): Figure[] =>
    value === null ? [] : [{ figure, of: '', currency: '', value }];
  const each = (figure: string, values: ByKey | null): Figure[] =>
    Object.entries(values ?? {}).map(([of, value]) => ({ figure, of, currency: '', value }));
  const money = (figure: string, amounts: ByKey | null): Figure[] =>
    Object.entries(amounts ?? {}).map(([currency, value]) => ({ figure, of: '', currency, value }));
  return [
    ...each('subscriptions.by_status', subscriptions.by_status),
    ...each('subscriptions.by_product', subscriptions.by_product),
    ...each('subscriptions.by_price', subscriptions.by_price),
    ...one('subscriptions.new', subscriptions.new),
    ...one('subscriptions.churned', subscriptions.churned),
    ...one('subscriptions.reactivated', subscriptions.reactivated),
    ...one('subscriptions.trialing', subscriptions.trialing),
    ...money('mrr', figures.mrr),
    ...money('mrr_apart.trialing', apart?.trialing ?? null),
    ...money('mrr_apart.paused', apart?.paused ?? null),
    ...one('mrr_apart.unpriced_items', apart?.unpriced_items ?? null),
    ...Object.entries(figures.revenue).flatMap(([currency, sums]) =>
      Object.entries(sums).map(([kind, value]) => ({
        figure: `revenue.${kind}`,
        of: '',
        currency,
        value,
      })),
    ),
    ...one('payments.failed', payments.failed),
    ...one('payments.recovered', payments.recovered),
    ...each('entitled_users', figures.entitled_users),
    ...one('grants_in_force', figures.grants_in_force),
  ];
}

/** A text that a spreadsheet would take for a formula gets an apostrophe; a number is none. */
function quoted(cell: string): string {
  const safe = /^[=+@\t\r-]/.test(cell) && !/^-\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
