import { sessionLines } from '../state/render.ts';
import type { CheckoutSession } from '../state/tables.ts';
import type { World } from '../state/world.ts';
import { document, html, money, type Html } from './html.ts';

/** The hosted checkout page of a session. `declined`: the last attempt was refused. */
export function checkoutPage(world: World, session: CheckoutSession, declined: boolean): string {
  const currency = session.currency ?? 'usd';
  const rows = sessionLines(world.tables, session.id).map(
    (line) =>
      html`<tr>
        <td>${line.description ?? line.price}${every(world, line.price)}</td>
        <td>${line.quantity === null ? 'by use' : `× ${line.quantity}`}</td>
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

function every(world: World, priceId: string): string {
  const recurring = world.tables.prices.get(priceId)?.recurring ?? null;
  return recurring === null ? '' : `, every ${recurring.interval_count} ${recurring.interval}`;
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
    <p class="quiet">Or try what else can happen:</p>
    <button name="card" value="declined">Card is declined</button>
    <button name="card" value="ok_then_declined">Pay, later payments are declined</button>
    <button name="card" value="async_success">Pay later: money arrives in 3 days</button>
    <button name="card" value="async_failure">Pay later: money never arrives</button>
    <button name="card" value="close">Close without paying</button>
  </form>`;
}

function closed(session: CheckoutSession): Html {
  return html`<p class="notice">
    ${
      session.status === 'expired'
        ? 'This checkout has expired.'
        : 'This checkout has been completed.'
    }
  </p>`;
}
