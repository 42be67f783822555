export type { Check, Source } from './core/answer.ts';
export type { Consumption, ConsumeOptions, Hold, Settlement, Use } from './core/consumption.ts';
export type { FailMode, FailModes } from './core/fail-mode.ts';
export type { CodeOf, FeatureKind, FeatureMap } from './core/features.ts';
export { createLatchkey } from './create-latchkey.ts';
export { type EntitlementsDocument, verifyDocument, type VerifyOptions } from './document.ts';
export type { CheckoutRequest, Latchkey, LatchkeyOptions } from './latchkey.ts';
export { LatchkeyError, LatchkeyUnavailable } from './problem.ts';
export type { Answer, Catalog, Change, Usage } from './routes.ts';
