// Files that only compute: they get their data, and the time, as parameters. dependency-cruiser checks
// what they import, ESLint what they call.
'use strict';

const { existsSync } = require('node:fs');
const path = require('node:path');

const pureFiles = [
  'src/catalog/from-stripe.ts',
  'src/catalog/impact.ts',
  'src/catalog/kept-value.ts',
  'src/checkout/paying-customer.ts',
  'src/checkout/redirects.ts',
  'src/entitlements/answer.ts',
  'src/entitlements/compute.ts',
  'src/entitlements/decision.ts',
  'src/entitlements/difference.ts',
  'src/entitlements/disputed.ts',
  'src/entitlements/explain.ts',
  'src/entitlements/facts.ts',
  'src/entitlements/granted.ts',
  'src/entitlements/intervals.ts',
  'src/entitlements/merge.ts',
  'src/entitlements/order.ts',
  'src/entitlements/present.ts',
  'src/entitlements/priority-queue.ts',
  'src/entitlements/purchase-queue.ts',
  'src/entitlements/purchases.ts',
  'src/entitlements/running-merge.ts',
  'src/entitlements/segment-sources.ts',
  'src/entitlements/set-aside.ts',
  'src/entitlements/source-cap.ts',
  'src/entitlements/stretches.ts',
  'src/entitlements/subscriptions.ts',
  'src/entitlements/sweep-line.ts',
  'src/entitlements/windows.ts',
  'src/mirror/claims.ts',
  'src/mirror/from-stripe.ts',
  'src/mirror/linkable.ts',
  'src/reconciliation/diff.ts',
  'src/reconciliation/user-effect.ts',
  'src/reconciliation/classify-finding.ts',
  'src/reporting/accept.ts',
  'src/reporting/csv.ts',
  'src/reporting/currency.ts',
  'src/reporting/figures.ts',
  'src/reporting/movement.ts',
  'src/reporting/rational.ts',
  'src/reporting/recurring.ts',
];

/** A rule about a file that was renamed would silently check nothing. */
for (const file of pureFiles) {
  if (!existsSync(path.join(__dirname, file))) {
    throw new Error(`.pure-files.cjs names ${file}, which does not exist.`);
  }
}

module.exports = pureFiles;
