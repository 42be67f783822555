import { sessionLines } from '../state/render.ts';
import type { CheckoutSession, SessionLine } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { document, html, money, type Html } from './html.ts';
import { productName, rhythm } from './wording.ts';

/** Renders a session's hosted checkout page. `declined` shows that the last payment was declined. */
export function checkoutPage(world: World, session: CheckoutSession, declined: boolean): string {
  const currency = session.currency ?? 'usd';
  const rows = sessionLines(world.tables, session.id).map(
    (line) =>
      html`<tr>
        <td>${description(world, line)}</td>
        <td>${line.quantity === null ? 'metered' : `× ${line.quantity}`}</td>
        <td>${money(line.amount_subtotal, currency)}</td>
      </tr>`,
  );
  const discount = session.total_details?.amount_discount ?? 0;
  return document(
    'Checkout',
    html`
      <h1>Checkout</h1>
      <table>
        <tbody>
          ${rows}
        </tbody>
        <tfoot>
          ${
            discount === 0
              ? []
              : html`<tr>
                  <td>Discount</td>
                  <td></td>
                  <td>−${money(discount, currency)}</td>
                </tr>`
          }
          <tr>
            <td>Due now</td>
            <td></td>
            <td>${money(session.amount_total ?? 0, currency)}</td>
          </tr>
        </tfoot>
      </table>
      ${declined ? html`<p class="notice" role="alert">Your card was declined.</p>` : []}
      ${session.status === 'open' ? form(world, session) : closed(session)}
    `,
  );
}

function description(world: World, line: SessionLine): string {
  const price = world.tables.prices.get(line.price);
  if (price === undefined) return line.description ?? line.price;
  return [line.description ?? productName(world, price), rhythm(price)].filter(Boolean).join(', ');
}

function form(world: World, session: CheckoutSession): Html {
  const known = world.tables.customers.get(session.customer ?? '')?.email;
  const email = known ?? session.customer_email ?? '';
  return html`<form method="post">
    <label
      >E-mail
      <input name="email" type="email" value="${email}" placeholder="buyer@example.com" />
    </label>
    <button class="main" name="card" value="ok">Pay</button>
    <p class="quiet">Or try another outcome:</p>
    <button name="card" value="declined">Card is declined</button>
    <button name="card" value="ok_then_declined">Pay, later payments are declined</button>
    <button name="card" value="async_success">Pay later: money arrives in 3 days</button>
    <button name="card" value="async_failure">Pay later: money never arrives</button>
    <button name="card" value="close">Close without paying</button>
  </form>`;
}

function closed(session: CheckoutSession): Html {
  if (session.status === 'expired') return html`<p class="notice">This checkout has expired.</p>`;
  return html`<p class="notice good" role="status">
    ${
      session.payment_status === 'unpaid'
        ? 'This checkout has been completed. The payment is still pending.'
        : 'This checkout has been completed and paid.'
    }
  </p>`;
}
