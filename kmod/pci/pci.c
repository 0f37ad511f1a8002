// SPDX-License-Identifier: GPL-2.0-only
/* Provider "pci-ADDRESS": a QKD device in this machine, by the interface of Documentation/pci-interface.md. */
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "pci.h"

static void disable(void *pdev)
{
	pci_disable_device(pdev);
}

static void release_regions(void *pdev)
{
	pci_release_regions(pdev);
}

static void unmap(void *arg)
{
	struct qkd_pci *pci = arg;

	if (pci->window)
		pci_iounmap(pci->pdev, pci->window);
	if (pci->doorbell)
		pci_iounmap(pci->pdev, pci->doorbell);
}

/* Not before nobody can make it run: interrupts go before it, and the provider before them. */
static void end_work(void *arg)
{
	struct qkd_pci *pci = arg;

	qkd_pci_sleep(pci, false);
	destroy_workqueue(pci->wq);
}

static int map(struct qkd_pci *pci)
{
	struct device *dev = &pci->pdev->dev;
	const resource_size_t len = pci_resource_len(pci->pdev, QKD_PCI_BAR_WINDOW);
	int err = pci_enable_device(pci->pdev);

	if (!err)
		err = devm_add_action_or_reset(dev, disable, pci->pdev);
	if (err)
		return err;
	if (len < QKD_PCI_WINDOW_MIN || len > QKD_PCI_WINDOW_MAX)
		return dev_err_probe(dev, -ENODEV, "no QKD device: its window has %pa bytes\n",
				     &len);
	pci_set_master(pci->pdev); /* interrupts are writes */
	err = pci_request_regions(pci->pdev, KBUILD_MODNAME);
	if (!err)
		err = devm_add_action_or_reset(dev, release_regions, pci->pdev);
	if (err)
		return err;
	pci->window_len = len;
	pci->doorbell = pci_iomap(pci->pdev, QKD_PCI_BAR_DOORBELL, 0);
	pci->window = pci_iomap(pci->pdev, QKD_PCI_BAR_WINDOW, 0);
	err = devm_add_action_or_reset(dev, unmap, pci);
	if (err)
		return err;
	return pci->doorbell && pci->window ? 0 : -ENOMEM;
}

static int begin_work(struct qkd_pci *pci)
{
	INIT_DELAYED_WORK(&pci->work, qkd_pci_work);
	pci->wq = alloc_workqueue("%s", WQ_UNBOUND, 1, pci->name);
	if (!pci->wq)
		return -ENOMEM;
	return devm_add_action_or_reset(&pci->pdev->dev, end_work, pci);
}

/* Other things have the carrier's IDs too: what has no magic number is none of ours. */
static int greet(struct qkd_pci *pci)
{
	struct qkd_pci_geometry geometry;
	int err = qkd_pci_check_geometry(pci, &geometry);

	if (err)
		return dev_err_probe(&pci->pdev->dev, -ENODEV, "no QKD device of version %d\n",
				     QKD_PCI_VERSION_MAJOR);
	mutex_lock(&pci->lock);
	err = qkd_pci_reset(pci);
	mutex_unlock(&pci->lock);
	if (err)
		return dev_err_probe(&pci->pdev->dev, err, "cannot be reset\n");
	return 0;
}

static struct qkd_pci *new_device(struct pci_dev *pdev)
{
	struct qkd_pci *pci = devm_kzalloc(&pdev->dev, sizeof(*pci), GFP_KERNEL);

	if (!pci)
		return NULL;
	pci->pdev = pdev;
	snprintf(pci->name, sizeof(pci->name), "pci-%s", pci_name(pdev));
	mutex_init(&pci->lock);
	spin_lock_init(&pci->finds_lock);
	INIT_LIST_HEAD(&pci->finds);
	init_waitqueue_head(&pci->answered);
	pci->rings[1].next = 1;
	pci_set_drvdata(pdev, pci);
	return pci;
}

static int probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct qkd_pci *pci = new_device(pdev);
	int err;

	if (!pci)
		return -ENOMEM;
	err = map(pci);
	if (!err)
		err = begin_work(pci);
	if (!err)
		err = qkd_pci_irqs_init(pci);
	if (!err)
		err = greet(pci);
	if (err)
		return err;
	qkd_pci_ops_init(pci);
	pci_save_state(pdev); /* for slot_reset() */
	return PTR_ERR_OR_ZERO(devm_qkd_provider_register(&pdev->dev, &pci->ops));
}

/* All else goes by itself, the provider and its link first. */
static void remove(struct pci_dev *pdev)
{
	struct qkd_pci *pci = pci_get_drvdata(pdev);

	if (!qkd_pci_answers(pci)) {
		WRITE_ONCE(pci->gone, true);
		wake_up(&pci->answered);
	}
}

static void shutdown(struct pci_dev *pdev)
{
	qkd_pci_sleep(pci_get_drvdata(pdev), true);
}

static int suspend(struct device *dev)
{
	qkd_pci_sleep(dev_get_drvdata(dev), true);
	return 0;
}

static int resume(struct device *dev)
{
	qkd_pci_wake(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(pm_ops, suspend, resume);

static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct qkd_pci *pci = pci_get_drvdata(pdev);

	WRITE_ONCE(pci->gone, true);
	wake_up(&pci->answered);
	qkd_pci_sleep(pci, false);
	return state == pci_channel_io_perm_failure ? PCI_ERS_RESULT_DISCONNECT
						    : PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void error_resume(struct pci_dev *pdev)
{
	struct qkd_pci *pci = pci_get_drvdata(pdev);

	WRITE_ONCE(pci->gone, false);
	qkd_pci_wake(pci);
}

static void reset_prepare(struct pci_dev *pdev)
{
	qkd_pci_sleep(pci_get_drvdata(pdev), true);
}

static void reset_done(struct pci_dev *pdev)
{
	qkd_pci_wake(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers error_handlers = {
	.error_detected = error_detected,
	.slot_reset = slot_reset,
	.resume = error_resume,
	.reset_prepare = reset_prepare,
	.reset_done = reset_done,
};

static const struct pci_device_id ids[] = {
	{ PCI_DEVICE(
		0x1af4,
		0x1110) }, /* QEMU's shared memory, behind which tools/qkdbox plays the device */
	{}
};
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver qkd_pci_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = probe,
	.remove = remove,
	.shutdown = shutdown,
	.driver.pm = pm_sleep_ptr(&pm_ops),
	.err_handler = &error_handlers,
};
module_pci_driver(qkd_pci_driver);

MODULE_DESCRIPTION("QKD devices by the PCIe reference interface");
MODULE_LICENSE("GPL");
