// Adding a page, or a whole site, by its address.
import { h } from "../../shared/dom";

export class AddressForm {
  readonly node: HTMLFormElement;
  private readonly url = h("input", { type: "url", required: true, maxlength: "2000", placeholder: "https://", "aria-label": "Address of a page or site" });
  private readonly site = h("input", { type: "checkbox" });
  private readonly button = h("button", { type: "submit" }, "Add address");

  constructor(private readonly add: (body: object) => Promise<boolean>) {
    const whole = h("label", { class: "public" }, this.site, "Whole site");
    this.node = h("form", { class: "address" }, this.url, whole, this.button);
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  private async send(): Promise<void> {
    this.button.disabled = true;
    if (await this.add({ url: this.url.value.trim(), site: this.site.checked })) this.node.reset();
    this.button.disabled = false;
    this.url.focus();
  }
}
