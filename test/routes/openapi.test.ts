import { expect, test } from 'vitest';
import { openApiDocument } from '../../worker/routes/openapi.ts';

/** Every `{$ref}` in a JSON value. */
function referencesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    key === '$ref' && typeof each === 'string' ? [each] : referencesIn(each),
  );
}

function lookUp(document: object, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((value, step) => new Map(Object.entries(Object(value))).get(step), document);
}

test('the OpenAPI document describes the admin API and the data plane', () => {
  const document = openApiDocument();
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Bursar' } });
  const paths = lookUp(document, '#/paths');
  const calls = Object.entries(Object(paths)).flatMap(([path, methods]) =>
    Object.keys(Object(methods)).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(calls.toSorted()).toMatchInlineSnapshot(`
    [
      "DELETE /admin/v1/alert_routes",
      "DELETE /admin/v1/cost_centers/{id}/alert_routes",
      "DELETE /admin/v1/cost_centers/{id}/exempt",
      "DELETE /admin/v1/cost_centers/{id}/holds/{turn_id}",
      "DELETE /admin/v1/cost_centers/{id}/keys/{key_id}",
      "DELETE /admin/v1/cost_centers/{id}/raises/{raise_id}",
      "DELETE /admin/v1/cost_centers/{id}/sessions/{session}/stop",
      "DELETE /admin/v1/price_overrides/{price_override_id}",
      "DELETE /admin/v1/role_bindings/{role_binding_id}",
      "DELETE /admin/v1/service_tokens/{service_token_id}",
      "GET /admin/v1/alert_routes",
      "GET /admin/v1/alerts",
      "GET /admin/v1/archive",
      "GET /admin/v1/audit",
      "GET /admin/v1/audit/export",
      "GET /admin/v1/audit/verify",
      "GET /admin/v1/cost_centers",
      "GET /admin/v1/cost_centers/{id}",
      "GET /admin/v1/cost_centers/{id}/alert_routes",
      "GET /admin/v1/cost_centers/{id}/dry_runs",
      "GET /admin/v1/cost_centers/{id}/dry_runs/{dry_run_id}",
      "GET /admin/v1/cost_centers/{id}/dry_runs/{dry_run_id}/events",
      "GET /admin/v1/cost_centers/{id}/holds",
      "GET /admin/v1/cost_centers/{id}/keys",
      "GET /admin/v1/cost_centers/{id}/keys/{key_id}",
      "GET /admin/v1/cost_centers/{id}/policies",
      "GET /admin/v1/cost_centers/{id}/policies/export",
      "GET /admin/v1/cost_centers/{id}/policies/{version}",
      "GET /admin/v1/cost_centers/{id}/policies/{version}/diff",
      "GET /admin/v1/cost_centers/{id}/policies/{version}/signed",
      "GET /admin/v1/cost_centers/{id}/raises",
      "GET /admin/v1/cost_centers/{id}/review",
      "GET /admin/v1/cost_centers/{id}/session_stops",
      "GET /admin/v1/cost_centers/{id}/wallet",
      "GET /admin/v1/exports/{file}",
      "GET /admin/v1/exports/{file}/manifest",
      "GET /admin/v1/increase_requests",
      "GET /admin/v1/ledger",
      "GET /admin/v1/metrics/estimate",
      "GET /admin/v1/months",
      "GET /admin/v1/policy_templates",
      "GET /admin/v1/policy_templates/{id}",
      "GET /admin/v1/price_overrides",
      "GET /admin/v1/reconciliations",
      "GET /admin/v1/role_bindings",
      "GET /admin/v1/service_tokens",
      "GET /admin/v1/signing_keys",
      "GET /admin/v1/storage",
      "GET /admin/v1/whoami",
      "GET /api/oauth/usage",
      "GET /healthz",
      "GET /inference-profiles",
      "GET /inference-profiles/{id}",
      "GET /managed/settings",
      "GET /metrics",
      "GET /setup",
      "GET /v1/me",
      "GET /v1/me/increase_requests",
      "GET /v1/me/notice",
      "GET /v1/me/statusline",
      "GET /v1/models",
      "GET /v1/models/{id}",
      "HEAD /api/hello",
      "PATCH /admin/v1/cost_centers/{id}",
      "PATCH /admin/v1/cost_centers/{id}/keys/{key_id}",
      "POST /admin/v1/alert_routes/test",
      "POST /admin/v1/alerts/{event_id}/resend",
      "POST /admin/v1/archive/restore",
      "POST /admin/v1/cost_centers",
      "POST /admin/v1/cost_centers/{id}/alert_routes/test",
      "POST /admin/v1/cost_centers/{id}/archive",
      "POST /admin/v1/cost_centers/{id}/dry_runs",
      "POST /admin/v1/cost_centers/{id}/dry_runs/{dry_run_id}/cancel",
      "POST /admin/v1/cost_centers/{id}/exempt",
      "POST /admin/v1/cost_centers/{id}/keys",
      "POST /admin/v1/cost_centers/{id}/keys/{key_id}/rotate",
      "POST /admin/v1/cost_centers/{id}/pause",
      "POST /admin/v1/cost_centers/{id}/policies",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/activate",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/approve",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/promote",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/reject",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/rollback",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/submit",
      "POST /admin/v1/cost_centers/{id}/policies/{version}/unschedule",
      "POST /admin/v1/cost_centers/{id}/raises",
      "POST /admin/v1/cost_centers/{id}/restore",
      "POST /admin/v1/cost_centers/{id}/resume",
      "POST /admin/v1/cost_centers/{id}/sessions/{session}/stop",
      "POST /admin/v1/developers/{developer}/pseudonymise",
      "POST /admin/v1/increase_requests/{increase_request_id}/approve",
      "POST /admin/v1/increase_requests/{increase_request_id}/deny",
      "POST /admin/v1/months/{month}/close",
      "POST /admin/v1/price_overrides",
      "POST /admin/v1/reconciliations/run",
      "POST /admin/v1/role_bindings",
      "POST /admin/v1/service_tokens",
      "POST /model/{id}/count-tokens",
      "POST /model/{id}/invoke",
      "POST /model/{id}/invoke-with-response-stream",
      "POST /v1/chat/completions",
      "POST /v1/me/increase_requests",
      "POST /v1/me/link",
      "POST /v1/me/prefer",
      "POST /v1/messages",
      "POST /v1/messages/count_tokens",
      "PUT /admin/v1/alert_routes",
      "PUT /admin/v1/cost_centers/{id}/alert_routes",
      "PUT /admin/v1/cost_centers/{id}/policies/{version}",
    ]
  `);
});

test('every reference in the OpenAPI document leads somewhere, and it is the same at every call', () => {
  const document = openApiDocument();
  const references = referencesIn(document);
  expect(references.length).toBeGreaterThan(50);
  for (const reference of references)
    expect([reference, lookUp(document, reference)]).not.toContain(undefined);
  expect(openApiDocument()).toEqual(document);
});
