import { expect, it } from "vitest";
import { Markdown } from "@/components/ui/markdown";
import { renderInApp } from "@/testing/render";

const HOSTILE = [
  "<script>window.hit = true</script>",
  "<iframe src='https://evil.example'></iframe>",
  "![x](https://evil.example/p.png)",
  "[go](javascript:window.hit=true)",
  "[out](//evil.example)",
  "<a href='javascript:1' onclick='1'>a</a>",
].join("\n\n");

it("draws nothing a text could use to act or to call home", () => {
  const { container } = renderInApp(<Markdown source={HOSTILE} />);
  expect(container.querySelectorAll("script, iframe, img, a, object, embed, form, style, link")).toHaveLength(
    0,
  );
  expect(container.textContent).toContain("<script>");
});

it("draws our links as steps inside the shop and foreign ones without trust", () => {
  const { getByText } = renderInApp(<Markdown source="[help](/help) and [far](https://example.org)" />);
  expect(getByText("help").closest("a")).toHaveAttribute("href", "/help");
  expect(getByText("far").closest("a")).toHaveAttribute("rel", expect.stringContaining("noopener"));
});

it("hands citation marks to whoever draws them", () => {
  const { getByRole } = renderInApp(
    <Markdown renderCitation={(index) => <button>mark {index}</button>} source="So it is [2]." />,
  );
  expect(getByRole("button")).toHaveTextContent("mark 2");
});
