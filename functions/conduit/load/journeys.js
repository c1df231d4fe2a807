// The journeys of conduit's users, for k6 (https://grafana.com/docs/k6). They are those of `cargo xtask cluster`:
//
//   k6 run -e URL=http://127.0.0.1:3000 -e RATE=10 -e SECONDS=20 functions/conduit/load/journeys.js
//
// Users come at a constant rate, however long the answers take.
import http from "k6/http";
import { check, sleep } from "k6";

const site = __ENV.URL || "http://127.0.0.1:3000";
const url = `${site}/api`;
const rate = Number(__ENV.RATE || 10);
const seconds = Number(__ENV.SECONDS || 20);

export const options = {
  scenarios: {
    users: {
      executor: "constant-arrival-rate",
      rate,
      timeUnit: "1s",
      duration: `${seconds}s`,
      // A journey takes about four seconds.
      preAllocatedVUs: rate * 8,
      maxVUs: rate * 60,
    },
  },
  thresholds: { checks: ["rate==1"] },
};

// An exponential pause with a mean of half a second.
function think() {
  sleep(Math.min(-Math.log(1 - Math.random()) * 0.5, 3));
}

// A request of the user, with the bookmark of the response before.
function client() {
  const headers = { "content-type": "application/json" };
  return {
    headers,
    send(method, path, content) {
      think();
      const body = content === undefined ? null : JSON.stringify(content);
      const answer = http.request(method, url + path, body, { headers, tags: { name: `${method} ${path.split("/")[1]}` } });
      const bookmark = answer.headers["Terrace-Bookmark"];
      if (bookmark) headers["terrace-bookmark"] = bookmark;
      check(answer, { "is a success": (answer) => answer.status >= 200 && answer.status < 300 });
      return answer.status < 300 ? answer.json() : {};
    },
  };
}

function register(user, name) {
  const account = { username: name, email: `${name}@example.com`, password: "long enough" };
  const answer = user.send("POST", "/users", { user: account });
  user.headers.authorization = `Token ${answer.user && answer.user.token}`;
}

export function setup() {
  const author = client();
  register(author, `author${Date.now()}`);
  for (let number = 0; number < 20; number += 1) {
    const title = `Article ${number} of ${Date.now()}`;
    const article = { title, description: "Of a load", body: "Some text. ".repeat(50), tagList: ["load"] };
    author.send("POST", "/articles", { article });
  }
}

export default function () {
  const user = client();
  think();
  for (const path of ["/assets/", "/assets/style-fe3eb037.css", "/assets/guide/"]) {
    const file = http.get(site + path, { tags: { name: "page" } });
    check(file, { "is a file": (file) => file.status === 200 && file.body.length > 0 });
  }
  const articles = user.send("GET", "/articles?limit=20").articles || [];
  const chosen = articles[Math.floor(Math.random() * articles.length)];
  if (!check(chosen, { "the list has articles": (chosen) => chosen !== undefined })) return;
  const article = `/articles/${chosen.slug}`;
  user.send("GET", article);
  user.send("GET", `${article}/comments`);
  register(user, `user${__VU}n${__ITER}n${Date.now()}`);
  const written = user.send("POST", `${article}/comments`, { comment: { body: "Well said." } }).comment || {};
  const comments = user.send("GET", `${article}/comments`).comments || [];
  check(comments, { "the own comment is there": (comments) => comments.some((comment) => comment.id === written.id) });
  user.send("POST", `${article}/favorite`, {});
  const read = user.send("GET", article).article || {};
  check(read, { "the own favourite is there": (read) => read.favorited === true });
}
