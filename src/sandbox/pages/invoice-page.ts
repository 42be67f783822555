import { invoiceLines } from '../state/render.ts';
import type { Invoice } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { document, html, money } from './html.ts';

/** Renders an invoice's hosted page, on which the customer pays it or authenticates its payment. */
export function invoicePage(world: World, invoice: Invoice): string {
  const rows = invoiceLines(world.tables, invoice.id).map(
    (line) =>
      html`<tr>
        <td>${line.description ?? ''}</td>
        <td>${money(line.amount, line.currency)}</td>
      </tr>`,
  );
  return document(
    'Invoice',
    html`
      <h1>Invoice ${invoice.number ?? ''}</h1>
      <table>
        <tbody>
          ${rows}
        </tbody>
        <tfoot>
          <tr>
            <td>Due</td>
            <td>${money(invoice.amount_due, invoice.currency)}</td>
          </tr>
        </tfoot>
      </table>
      ${
        invoice.status === 'open'
          ? html`<form method="post"><button class="main">Pay</button></form>`
          : html`<p class="notice good">${invoice.status === 'paid' ? 'Paid' : 'Closed'}.</p>`
      }
    `,
  );
}
