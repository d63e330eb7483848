// Questions to the hub about what stands in the form.

/** The hub's response. Rejects where it gives none before `signal` says so. */
export function post(url, { headers, body, signal, method = "POST" }) {
  return fetch(url, {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal,
  });
}

/** The hub's answer, or null where it gives none within `timeout` ms. */
export async function answerTo(url, { headers, body, timeout }) {
  try {
    const response = await post(url, { headers, body, signal: AbortSignal.timeout(timeout) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
