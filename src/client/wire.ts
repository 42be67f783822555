/* Written by `npm run client:types` from the service's OpenAPI document. Do not edit. */
export interface paths {
  '/api/v1/catalog': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getCatalog'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/changes': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getChanges'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/changes/stream': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getChangesStream'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/checkout/sessions': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postCheckoutSessions'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/checkout/sessions/{id}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getCheckoutSessionsById'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getEntitlements'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements/batch': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postEntitlementsBatch'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements/check': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getEntitlementsCheck'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements/document': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getEntitlementsDocument'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements/explain': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getEntitlementsExplain'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/entitlements/history': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getEntitlementsHistory'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/features/{feature_code}/users': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getFeaturesByFeatureCodeUsers'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/metrics': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getMetrics'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/metrics/daily': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getMetricsDaily'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/portal/sessions': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postPortalSessions'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/subscriptions': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getSubscriptions'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/subscriptions/{id}/cancel': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postSubscriptionsByIdCancel'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/subscriptions/{id}/change': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postSubscriptionsByIdChange'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/subscriptions/{id}/preview': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postSubscriptionsByIdPreview'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/subscriptions/{id}/resume': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postSubscriptionsByIdResume'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getUsage'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/consume': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUsageConsume'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/consume/batch': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUsageConsumeBatch'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/entries': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getUsageEntries'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/entries/{id}/reverse': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUsageEntriesByIdReverse'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/holds': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUsageHolds'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/holds/{id}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    delete: operations['deleteUsageHoldsById'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/holds/{id}/settle': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUsageHoldsByIdSettle'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/usage/summary': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get: operations['getUsageSummary'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/api/v1/user-tokens': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postUserTokens'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/ofrep/v1/evaluate/flags': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postServiceOfrepV1EvaluateFlags'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/ofrep/v1/evaluate/flags/{feature_code}': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post: operations['postServiceOfrepV1EvaluateFlagsByFeatureCode'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    Change: {
      /** Format: date-time */
      at: string;
      /** @enum {string} */
      cause:
        'stripe' | 'operator' | 'catalog' | 'policy' | 'boundary' | 'reconciliation' | 'erasure';
      changed: string[];
      cursor: string;
      gained: string[];
      lost: string[];
      next_change_at: string | null;
      project_id: string;
      /** Format: date-time */
      recorded_at: string;
      revision: number;
      user_id: string;
    };
    ChangedSubscription: {
      action_url: string | null;
      entitlements: {
        feature_code: string;
        sources: {
          id: string;
          price_id?: string;
          /** @enum {string} */
          type: 'subscription' | 'purchase' | 'grant';
        }[];
        /** @enum {string} */
        type: 'boolean' | 'limit' | 'config' | 'metered';
        valid_from: string | null;
        valid_to: string | null;
        value: components['schemas']['JsonValue'];
      }[];
      invoice_id: string | null;
      /** @enum {string} */
      payment: 'paid' | 'none' | 'action_required';
      revision: number;
      subscription: components['schemas']['Subscription'];
    };
    ChangePreview: {
      credit: number;
      credit_used: number;
      currency: string;
      discounts: {
        amount: number;
        id: string;
      }[];
      due_now: number;
      entitlements: {
        changed: {
          feature_code: string;
          from: components['schemas']['JsonValue'];
          to: components['schemas']['JsonValue'];
        }[];
        gained: string[];
        lost: string[];
      };
      /** Format: date-time */
      expires_at: string;
      lines: {
        amount: number;
        description: string;
        period: {
          /** Format: date-time */
          end: string;
          /** Format: date-time */
          start: string;
        };
        proration: boolean;
      }[];
      next_invoice: {
        /** Format: date-time */
        at: string;
        total: number;
      } | null;
      preview_token: string;
      tax: number;
    };
    /**
     * @example {
     *       "allowed": true,
     *       "reason": "granted",
     *       "value": true,
     *       "valid_to": null,
     *       "revision": 17
     *     }
     */
    Check: {
      allowed: boolean;
      balance?: number | null;
      /** @enum {string} */
      reason:
        | 'feature_not_found'
        | 'granted'
        | 'revoked'
        | 'payment_overdue'
        | 'not_yet_valid'
        | 'expired'
        | 'no_source'
        | 'limit_reached';
      revision: number;
      valid_to: string | null;
      value: components['schemas']['JsonValue'];
    };
    CheckoutWarning: {
      /** @enum {string} */
      code: 'feature_blocked';
      feature_code: string;
    };
    /**
     * @example {
     *       "allowed": true,
     *       "reason": "granted",
     *       "consumed": 3,
     *       "balance": 497,
     *       "entry_id": "ue_0mhz3k9c00001k3v9x2mq7d"
     *     }
     */
    Consumed: {
      allowed: boolean;
      balance: number | null;
      consumed: number;
      entry_id: string | null;
      /** @enum {string} */
      reason:
        | 'feature_not_found'
        | 'granted'
        | 'revoked'
        | 'payment_overdue'
        | 'not_yet_valid'
        | 'expired'
        | 'no_source'
        | 'limit_reached';
    };
    DailyReport: {
      /** Format: date */
      day: string;
      entitled_users: {
        [key: string]: number;
      } | null;
      grants_in_force: number | null;
      measured_at: string | null;
      mrr: {
        [key: string]: number;
      } | null;
      mrr_apart: {
        paused: {
          [key: string]: number;
        };
        trialing: {
          [key: string]: number;
        };
        unpriced_items: number;
      } | null;
      payments: {
        failed: number;
        recovered: number;
      };
      project_id: string;
      revenue: {
        [key: string]: {
          disputed: number;
          gross: number;
          net: number;
          refunded: number;
        };
      };
      subscriptions: {
        by_price: {
          [key: string]: number;
        } | null;
        by_product: {
          [key: string]: number;
        } | null;
        by_status: {
          [key: string]: number;
        } | null;
        churned: number;
        new: number;
        reactivated: number;
        trialing: number;
      };
      usage: {
        [key: string]: {
          reversed: number;
          used: number;
          users: number;
        };
      } | null;
    };
    /**
     * @example {
     *       "project_id": "notes",
     *       "user_id": "u_42",
     *       "revision": 17,
     *       "entitlements": [
     *         {
     *           "feature_code": "export",
     *           "type": "boolean",
     *           "value": true,
     *           "valid_from": "2026-11-01T00:00:00.000Z",
     *           "valid_to": null,
     *           "sources": [
     *             {
     *               "type": "subscription",
     *               "id": "sub_123",
     *               "price_id": "price_9"
     *             }
     *           ]
     *         }
     *       ],
     *       "next_change_at": null
     *     }
     */
    Entitlements: {
      denied?: {
        [key: string]:
          | 'feature_not_found'
          | 'granted'
          | 'revoked'
          | 'payment_overdue'
          | 'not_yet_valid'
          | 'expired'
          | 'no_source';
      };
      entitlements: {
        feature_code: string;
        sources: {
          id: string;
          price_id?: string;
          /** @enum {string} */
          type: 'subscription' | 'purchase' | 'grant';
        }[];
        /** @enum {string} */
        type: 'boolean' | 'limit' | 'config' | 'metered';
        valid_from: string | null;
        valid_to: string | null;
        value: components['schemas']['JsonValue'];
      }[];
      next_change_at: string | null;
      project_id: string;
      revision: number;
      user_id: string;
    };
    Evaluation: {
      key: string;
      metadata: {
        /** @enum {string} */
        reason:
          | 'feature_not_found'
          | 'granted'
          | 'revoked'
          | 'payment_overdue'
          | 'not_yet_valid'
          | 'expired'
          | 'no_source';
        revision: number;
        /** @constant */
        unlimited?: true;
        /** Format: date-time */
        valid_to?: string;
      };
      /** @enum {string} */
      reason: 'TARGETING_MATCH' | 'DISABLED';
      value?: components['schemas']['JsonValue'];
      /** @enum {string} */
      variant: 'granted' | 'denied';
    };
    Explanation: {
      allowed: boolean;
      feature_code: string;
      /** @enum {string} */
      reason:
        | 'feature_not_found'
        | 'granted'
        | 'revoked'
        | 'payment_overdue'
        | 'not_yet_valid'
        | 'expired'
        | 'no_source';
      revocations: {
        audit_id: string | null;
        block: boolean;
        decides: boolean;
        id: string;
        /** Format: date-time */
        recorded_at: string;
        /** Format: date-time */
        valid_from: string;
        valid_to: string | null;
      }[];
      /** @enum {string} */
      rule:
        | 'any'
        | 'max'
        | 'allowances'
        | 'sum'
        | 'precedence'
        | 'last_word'
        | 'nothing_counts'
        | 'unknown_feature';
      sources: {
        audit_id?: string;
        /** Format: date-time */
        began_at?: string;
        counted: boolean;
        event_ids: string[];
        id: string;
        price_id?: string;
        stripe_ids: string[];
        /** @enum {string} */
        type: 'subscription' | 'purchase' | 'grant';
        /** Format: date-time */
        valid_from: string;
        valid_to: string | null;
        value: components['schemas']['JsonValue'];
        /** @enum {string} */
        why:
          | 'counts'
          | 'began_later'
          | 'lower_value'
          | 'lower_priority'
          | 'revoked'
          | 'blocked'
          | 'payment_overdue'
          | 'not_yet_valid'
          | 'expired'
          | 'refunded'
          | 'disputed'
          | 'ended_by_operator'
          | 'no_quantity'
          | 'status_unknown'
          | 'value_unfit';
      }[];
      user_id: string;
      value: components['schemas']['JsonValue'];
    };
    FeatureUser: {
      user_id: string;
      valid_from: string | null;
      valid_to: string | null;
      value: components['schemas']['JsonValue'];
    };
    Hold: {
      allowed: boolean;
      balance: number | null;
      expires_at: string | null;
      held: number;
      hold_id: string | null;
      /** @enum {string} */
      reason:
        | 'feature_not_found'
        | 'granted'
        | 'revoked'
        | 'payment_overdue'
        | 'not_yet_valid'
        | 'expired'
        | 'no_source'
        | 'limit_reached';
    };
    JsonValue: boolean | number | string | Record<string, never> | unknown[] | null;
    ProjectReport: {
      entitled_users: {
        [key: string]: number;
      };
      grants_in_force: number;
      mrr: {
        [key: string]: number;
      };
      mrr_apart: {
        paused: {
          [key: string]: number;
        };
        trialing: {
          [key: string]: number;
        };
        unpriced_items: number;
      };
      payments: {
        failed: number;
        recovered: number;
      };
      project_id: string;
      revenue: {
        [key: string]: {
          disputed: number;
          gross: number;
          net: number;
          refunded: number;
        };
      };
      subscriptions: {
        by_price: {
          [key: string]: number;
        };
        by_product: {
          [key: string]: number;
        };
        by_status: {
          [key: string]: number;
        };
        churned: number;
        new: number;
        reactivated: number;
        trialing: number;
      };
      usage: {
        [key: string]: {
          reversed: number;
          used: number;
          users: number;
        };
      };
    };
    RecordedSegment: {
      allowed: boolean;
      feature_code: string;
      /** @enum {string} */
      reason:
        | 'feature_not_found'
        | 'granted'
        | 'revoked'
        | 'payment_overdue'
        | 'not_yet_valid'
        | 'expired'
        | 'no_source';
      /** Format: date-time */
      recorded_at: string;
      sources: {
        id: string;
        price_id?: string;
        /** @enum {string} */
        type: 'subscription' | 'purchase' | 'grant';
      }[];
      superseded_at: string | null;
      /** @enum {string} */
      type: 'boolean' | 'limit' | 'config' | 'metered';
      valid_from: string | null;
      valid_to: string | null;
      value: components['schemas']['JsonValue'];
    };
    ReversedEntry: {
      balance: number | null;
      entry_id: string;
      returned: number;
      reversed_entry_id: string;
    };
    SettledHold: {
      balance: number | null;
      consumed: number;
      entry_id: string;
      hold_id: string;
    };
    Subscription: {
      cancel_at: string | null;
      /** Format: date-time */
      current_period_end: string;
      id: string;
      items: {
        id: string;
        price_id: string;
        product_id: string;
        quantity: number | null;
      }[];
      pending_update?: {
        action_url: string | null;
        /** Format: date-time */
        expires_at: string;
        items: {
          price_id: string;
          quantity: number | null;
        }[];
      };
      scheduled?: {
        /** Format: date-time */
        at: string;
        items: {
          price_id: string;
          quantity: number | null;
        }[];
      };
      status: string;
    };
    Usage: {
      balance: number | null;
      buckets: {
        amount: number;
        /** Format: date-time */
        from: string;
        held: number;
        rolled_over: number;
        source: {
          id: string;
          price_id?: string;
          /** @enum {string} */
          type: 'subscription' | 'purchase' | 'grant';
        };
        to: string | null;
        used: number;
      }[];
      feature_code: string;
      granted: number | null;
      held: number;
      overage: number;
      resets_at: string | null;
      unit: string | null;
      unlimited: boolean;
      used: number;
    };
    UsageEntry: {
      amount: number;
      /** Format: date-time */
      at: string;
      balance_after: number | null;
      feature_code: string;
      id: string;
      idempotency_key: string | null;
      /** @enum {string} */
      kind: 'consume' | 'hold' | 'settle' | 'reverse';
      metadata: components['schemas']['JsonValue'];
      user_id: string;
    };
    UsageSummary: {
      feature_code: string;
      /** Format: date-time */
      from: string;
      reversed: number;
      /** Format: date-time */
      to: string;
      used: number;
      users: number;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  getCatalog: {
    parameters: {
      query?: {
        project_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            features: {
              feature_code: string;
              name: string;
              type: string;
            }[];
            products: {
              description: string | null;
              features: {
                [key: string]: components['schemas']['JsonValue'];
              };
              id: string;
              name: string;
              prices: {
                access_days: number | null;
                currency: string;
                features: {
                  [key: string]: components['schemas']['JsonValue'];
                };
                id: string;
                interval: string | null;
                interval_count: number | null;
                nickname: string | null;
                tiers_mode: string | null;
                type: string;
                unit_amount: number | null;
                unit_amount_decimal: string | null;
                usage_type: string | null;
              }[];
              rank: number;
            }[];
            project_id: string;
          };
        };
      };
    };
  };
  getChanges: {
    parameters: {
      query?: {
        after?: string;
        limit?: number;
        project_id?: string;
        user_id?: string;
        wait_seconds?: number;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['Change'][];
            next_cursor: string;
          };
        };
      };
    };
  };
  getChangesStream: {
    parameters: {
      query?: {
        access_token?: string;
        after?: string;
        format?: 'ofrep';
        project_id?: string;
        user_id?: string;
      };
      header?: {
        'last-event-id'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'text/event-stream': string;
        };
      };
    };
  };
  postCheckoutSessions: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "price_id": "price_9",
         *       "success_url": "https://app.example.com/welcome?session={CHECKOUT_SESSION_ID}",
         *       "cancel_url": "https://app.example.com/pricing"
         *     }
         */
        'application/json': {
          /** @example https://app.example.com/account */
          cancel_url: string;
          /** Format: email */
          email?: string;
          line_items?: {
            /** @example price_9 */
            price_id: string;
            /** @default 1 */
            quantity?: number;
          }[];
          /** @example price_9 */
          price_id?: string;
          /** @example notes */
          project_id?: string;
          /** @example https://app.example.com/account */
          success_url: string;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            /** Format: date-time */
            expires_at: string;
            id: string;
            /** @enum {string} */
            mode: 'subscription' | 'payment';
            url: string;
            warnings: components['schemas']['CheckoutWarning'][];
          };
        };
      };
    };
  };
  getCheckoutSessionsById: {
    parameters: {
      query?: {
        project_id?: string;
      };
      header?: never;
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            entitlements:
              | {
                  feature_code: string;
                  sources: {
                    id: string;
                    price_id?: string;
                    /** @enum {string} */
                    type: 'subscription' | 'purchase' | 'grant';
                  }[];
                  /** @enum {string} */
                  type: 'boolean' | 'limit' | 'config' | 'metered';
                  valid_from: string | null;
                  valid_to: string | null;
                  value: components['schemas']['JsonValue'];
                }[]
              | null;
            id: string;
            payment_status: string;
            revision: number | null;
            status: string | null;
            user_id: string;
          };
        };
      };
    };
  };
  getEntitlements: {
    parameters: {
      query?: {
        at?: string;
        consistency?: 'strong';
        feature_code?: string | string[];
        include?: 'reasons';
        known_at?: string;
        min_revision?: number;
        project_id?: string;
        user_id?: string;
      };
      header?: {
        'If-None-Match'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          ETag?: string;
          'Latchkey-Cache'?: string;
          'Latchkey-Revision'?: number;
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Entitlements'];
        };
      };
      304: {
        headers: {
          [name: string]: unknown;
        };
        content?: never;
      };
    };
  };
  postEntitlementsBatch: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_ids": [
         *         "u_42"
         *       ]
         *     }
         */
        'application/json': {
          feature_codes?: string[];
          include?: 'reasons'[];
          /** @example notes */
          project_id?: string;
          user_ids: string[];
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['Entitlements'][];
          };
        };
      };
    };
  };
  getEntitlementsCheck: {
    parameters: {
      query: {
        amount?: number;
        at?: string;
        consistency?: 'strong';
        /** @example export */
        feature_code: string;
        min_revision?: number;
        project_id?: string;
        user_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Check'];
        };
      };
    };
  };
  getEntitlementsDocument: {
    parameters: {
      query: {
        consistency?: 'strong';
        min_revision?: number;
        project_id?: string;
        ttl_seconds?: number;
        /** @example u_42 */
        user_id: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            document: string;
            /** Format: date-time */
            expires_at: string;
          };
          'application/jwt': string;
        };
      };
    };
  };
  getEntitlementsExplain: {
    parameters: {
      query: {
        at?: string;
        /** @example export */
        feature_code: string;
        project_id?: string;
        user_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Explanation'];
        };
      };
    };
  };
  getEntitlementsHistory: {
    parameters: {
      query: {
        cursor?: string;
        feature_code?: string;
        limit?: number;
        project_id?: string;
        /** @example u_42 */
        user_id: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['RecordedSegment'][];
            next_cursor: string | null;
          };
        };
      };
    };
  };
  getFeaturesByFeatureCodeUsers: {
    parameters: {
      query?: {
        at?: string;
        cursor?: string;
        limit?: number;
        project_id?: string;
      };
      header?: never;
      path: {
        /** @example export */
        feature_code: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['FeatureUser'][];
            next_cursor: string | null;
          };
        };
      };
    };
  };
  getMetrics: {
    parameters: {
      query?: {
        from?: string;
        project_id?: string;
        to?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            /** Format: date-time */
            from: string;
            projects: components['schemas']['ProjectReport'][];
            /** Format: date-time */
            to: string;
          };
          'text/csv': string;
        };
      };
    };
  };
  getMetricsDaily: {
    parameters: {
      query?: {
        from?: string;
        project_id?: string;
        to?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            days: components['schemas']['DailyReport'][];
            /** Format: date-time */
            from: string;
            /** Format: date-time */
            to: string;
          };
          'text/csv': string;
        };
      };
    };
  };
  postPortalSessions: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "return_url": "https://app.example.com/account"
         *     }
         */
        'application/json': {
          /** @example notes */
          project_id?: string;
          /** @example https://app.example.com/account */
          return_url: string;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            id: string;
            url: string;
          };
        };
      };
    };
  };
  getSubscriptions: {
    parameters: {
      query: {
        project_id?: string;
        /** @example u_42 */
        user_id: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Subscription'][];
        };
      };
    };
  };
  postSubscriptionsByIdCancel: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "when": "now"
         *     }
         */
        'application/json': {
          /** @example notes */
          project_id?: string;
          /** @example u_42 */
          user_id: string;
          /** @enum {string} */
          when: 'now' | 'period_end';
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ChangedSubscription'];
        };
      };
    };
  };
  postSubscriptionsByIdChange: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "price_id": "price_9",
         *       "when": "now"
         *     }
         */
        'application/json': {
          items?: {
            /** @example price_9 */
            price_id: string;
            /** @default 1 */
            quantity?: number;
          }[];
          preview_token?: string;
          /** @example price_9 */
          price_id?: string;
          /** @example notes */
          project_id?: string;
          promotion_code?: string;
          /**
           * @default invoice_now
           * @enum {string}
           */
          proration?: 'invoice_now' | 'next_invoice' | 'none';
          quantity?: number;
          /** @example u_42 */
          user_id: string;
          /** @enum {string} */
          when: 'now' | 'period_end';
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ChangedSubscription'];
        };
      };
    };
  };
  postSubscriptionsByIdPreview: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "price_id": "price_9",
         *       "when": "now"
         *     }
         */
        'application/json': {
          items?: {
            /** @example price_9 */
            price_id: string;
            /** @default 1 */
            quantity?: number;
          }[];
          /** @example price_9 */
          price_id?: string;
          /** @example notes */
          project_id?: string;
          promotion_code?: string;
          /**
           * @default invoice_now
           * @enum {string}
           */
          proration?: 'invoice_now' | 'next_invoice' | 'none';
          quantity?: number;
          /** @example u_42 */
          user_id: string;
          /** @enum {string} */
          when: 'now' | 'period_end';
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ChangePreview'];
        };
      };
    };
  };
  postSubscriptionsByIdResume: {
    parameters: {
      query?: never;
      header?: {
        'Idempotency-Key'?: string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42"
         *     }
         */
        'application/json': {
          /** @example notes */
          project_id?: string;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ChangedSubscription'];
        };
      };
    };
  };
  getUsage: {
    parameters: {
      query?: {
        at?: string;
        feature_code?: string;
        project_id?: string;
        user_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['Usage'][];
            user_id: string;
          };
        };
      };
    };
  };
  postUsageConsume: {
    parameters: {
      query?: never;
      header: {
        /** @example job_8c1f */
        'Idempotency-Key': string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "feature_code": "credits",
         *       "amount": 3
         *     }
         */
        'application/json': {
          /** @default 1 */
          amount?: number;
          /** @example credits */
          feature_code: string;
          metadata?: {
            [key: string]: unknown;
          };
          /** @default false */
          partial?: boolean;
          /** @example notes */
          project_id?: string;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Consumed'];
        };
      };
    };
  };
  postUsageConsumeBatch: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "items": [
         *         {
         *           "user_id": "u_42",
         *           "feature_code": "credits",
         *           "amount": 3,
         *           "idempotency_key": "job_1"
         *         },
         *         {
         *           "user_id": "u_43",
         *           "feature_code": "credits",
         *           "idempotency_key": "job_2"
         *         }
         *       ]
         *     }
         */
        'application/json': {
          items: {
            /** @default 1 */
            amount?: number;
            /** @example credits */
            feature_code: string;
            idempotency_key: string;
            metadata?: {
              [key: string]: unknown;
            };
            /** @default false */
            partial?: boolean;
            /** @example u_42 */
            user_id: string;
          }[];
          /** @example notes */
          project_id?: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: (
              | components['schemas']['Consumed']
              | {
                  code: string;
                  detail: string;
                }
            )[];
          };
        };
      };
    };
  };
  getUsageEntries: {
    parameters: {
      query?: {
        cursor?: string;
        feature_code?: string;
        from?: string;
        limit?: number;
        project_id?: string;
        to?: string;
        user_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['UsageEntry'][];
            next_cursor: string | null;
          };
        };
      };
    };
  };
  postUsageEntriesByIdReverse: {
    parameters: {
      query?: never;
      header: {
        /** @example job_8c1f */
        'Idempotency-Key': string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "reason": "the job failed"
         *     }
         */
        'application/json': {
          /** @example notes */
          project_id?: string;
          /** @example support ticket 4711 */
          reason: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ReversedEntry'];
        };
      };
    };
  };
  postUsageHolds: {
    parameters: {
      query?: never;
      header: {
        /** @example job_8c1f */
        'Idempotency-Key': string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42",
         *       "feature_code": "credits",
         *       "amount": 20,
         *       "expires_in_seconds": 600
         *     }
         */
        'application/json': {
          amount: number;
          expires_in_seconds: number;
          /** @example credits */
          feature_code: string;
          /** @example notes */
          project_id?: string;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Hold'];
        };
      };
    };
  };
  deleteUsageHoldsById: {
    parameters: {
      query?: {
        project_id?: string;
      };
      header?: never;
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['SettledHold'];
        };
      };
    };
  };
  postUsageHoldsByIdSettle: {
    parameters: {
      query?: never;
      header: {
        /** @example job_8c1f */
        'Idempotency-Key': string;
      };
      path: {
        id: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "amount": 17
         *     }
         */
        'application/json': {
          amount: number;
          /** @example notes */
          project_id?: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['SettledHold'];
        };
      };
    };
  };
  getUsageSummary: {
    parameters: {
      query: {
        feature_code?: string;
        from: string;
        interval?: 'day' | 'month';
        project_id?: string;
        to: string;
        user_id?: string;
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            data: components['schemas']['UsageSummary'][];
          };
        };
      };
    };
  };
  postUserTokens: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "user_id": "u_42"
         *     }
         */
        'application/json': {
          /** @example notes */
          project_id?: string;
          /** @default 900 */
          ttl_seconds?: number;
          /** @example u_42 */
          user_id: string;
        };
      };
    };
    responses: {
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            /** Format: date-time */
            expires_at: string;
            token: string;
          };
        };
      };
    };
  };
  postServiceOfrepV1EvaluateFlags: {
    parameters: {
      query?: {
        flagConfigEtag?: string;
        flagConfigLastModified?: string;
      };
      header?: {
        'If-None-Match'?: string;
      };
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "context": {
         *         "targetingKey": "u_42"
         *       }
         *     }
         */
        'application/json': {
          context?: {
            /** @example u_42 */
            targetingKey?: string;
          } & {
            [key: string]: unknown;
          };
          /** @example notes */
          project_id?: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          ETag?: string;
          'Latchkey-Cache'?: string;
          'Latchkey-Revision'?: number;
          [name: string]: unknown;
        };
        content: {
          'application/json': {
            eventStreams?: {
              /** @enum {string} */
              type: 'sse';
              url: string;
            }[];
            flags: components['schemas']['Evaluation'][];
            metadata: {
              revision: number;
            };
          };
        };
      };
      304: {
        headers: {
          [name: string]: unknown;
        };
        content?: never;
      };
    };
  };
  postServiceOfrepV1EvaluateFlagsByFeatureCode: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        feature_code: string;
      };
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "context": {
         *         "targetingKey": "u_42"
         *       }
         *     }
         */
        'application/json': {
          context?: {
            /** @example u_42 */
            targetingKey?: string;
          } & {
            [key: string]: unknown;
          };
          /** @example notes */
          project_id?: string;
        };
      };
    };
    responses: {
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Evaluation'];
        };
      };
    };
  };
}
