import { column, http, nullable, text, transform, utf8 } from "callboard";

export default transform({
  name: "ask-model",
  summary: "Asks a model about the prompt of each row",
  config: {
    url: text("http://localhost:8080/v1/chat/completions", "Where the model is"),
    model: text("small", "Its name"),
    column: column("prompt", "The column of prompts"),
  },
  reads: (config) => ({ prompt: utf8.named(config.column) }),
  writes: { reply: nullable(utf8) },

  process(batch, { url, model }) {
    const reply: (string | null)[] = new Array(batch.rows).fill(null);
    const asked: { row: number; request: http.Request }[] = [];
    for (let row = 0; row < batch.rows; row++) {
      const content = batch.columns.prompt.get(row);
      if (content === null) batch.reject(row, "no prompt");
      else asked.push({ row, request: http.Request.post(url, { model, messages: [{ role: "user", content }], max_tokens: 400 }) });
    }
    http.all(asked.map(({ request }) => request)).forEach((outcome, i) => {
      const { row } = asked[i]!;
      if (outcome instanceof http.Reply) reply[row] = outcome.json().choices[0].message.content;
      else if (outcome.passing) batch.postpone(row, outcome.message);
      else batch.reject(row, outcome.message);
    });
    return { reply };
  },
});
