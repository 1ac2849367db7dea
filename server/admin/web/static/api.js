// The token stays in the storage of this tab, and leaves it only in a header.
const key = "portico.token";

export const hasToken = () => sessionStorage.getItem(key) !== null;
export const setToken = (token) => sessionStorage.setItem(key, token);
export const dropToken = () => sessionStorage.removeItem(key);

// Problem is an answer that is an error. status is 0 if there was no answer.
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const patience = 10_000;

async function request(method, path, body) {
  const headers = {};
  const token = sessionStorage.getItem(key);
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (method === "POST") headers["Content-Type"] = "application/json";
  let response;
  let answer;
  try {
    response = await fetch(`api/v1${path}`, {
      method, headers, body, cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(patience),
    });
    answer = await response.json();
  } catch (fault) {
    if (response) throw new Problem(response.ok ? 0 : response.status, `The server's answer cannot be read (${response.status}).`);
    throw new Problem(0, fault.name === "TimeoutError" ? "The server did not answer in time." : "The server cannot be reached.");
  }
  if (!response.ok) throw new Problem(response.status, answer.detail ?? answer.title ?? `The server answered ${response.status}.`);
  return answer;
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, JSON.stringify(body));
export const del = (path) => request("DELETE", path);
